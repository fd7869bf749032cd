"""The Django project that django-tenants migrates; its app `core`, with the migrations, is generated."""
