-- One row, to be filled in.
INSERT INTO flutterwave_credentials (public_key, secret_key, encryption_key)
SELECT '', '', '' WHERE NOT EXISTS (SELECT FROM flutterwave_credentials);
