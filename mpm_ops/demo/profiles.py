"""Where made-up companies are, what they charge, how people there are called; and the three of the demo."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mpm_ops.errors import InvalidInput


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a made-up company's business grows from."""

    #: Legal name, in the company's own script.
    name: str
    address: str
    phone: str
    email: str
    admin_name: str
    admin_email: str
    #: ISO 3166 code and name, as in `countries` and `main_settings`.
    country_code: str
    country: str
    currency: str
    language: str
    usage_type: str
    #: Ids of mpm_plugins.
    plugins: tuple[int, ...]
    #: Digits that its customers' telephone numbers begin with.
    dial: str
    latitude: float
    longitude: float
    cluster: str
    villages: tuple[str, ...]
    #: What parts of a place are called: north, south, upper ...
    quarters: tuple[str, ...]
    #: At the end of the years of business.
    customers: int
    years: int = 1
    #: Whole prices of a kWh, of a month's connection, and of a solar home system, in its currency.
    price: int
    access_rate: int
    system_price: int
    given_names: tuple[str, ...]
    surnames: tuple[str, ...]
    seed: int


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ZIWA = Profile(
    name="Ziwa Umeme Ltd",
    address="Lumumba Street 14, Mwanza",
    phone="+255 28 250 0117",
    email="office@ziwa-umeme.example.com",
    admin_name="Neema Mushi",
    admin_email="neema@ziwa-umeme.example.com",
    country_code="TZ",
    country="Tanzania",
    currency="TZS",
    language="sw",
    usage_type="mini-grid&shs",
    plugins=(21, 22, 7),
    dial="+25576",
    latitude=-2.02,
    longitude=33.05,
    cluster="Ukerewe",
    villages=("Bwisya", "Nansio", "Kakukuru", "Irugwa", "Muriti"),
    quarters=_words("Kaskazini Kusini Mashariki Magharibi Kati Juu Chini"),
    customers=140,
    price=1250,
    access_rate=2500,
    system_price=360000,
    given_names=_words(
        "Neema Juma Asha Baraka Rehema Hamisi Zawadi Salum Upendo Rashidi Mariam Emmanuel Halima Daudi Fatuma Issa "
        "Grace Musa Esther Omari Anna Yusufu Joyce Selemani Agnes Bakari Tatu Faraja Amina Elia"
    ),
    surnames=_words(
        "Mushi Massawe Kimaro Mwakyusa Lyimo Shirima Mollel Ngowi Swai Kessy Mrema Temba Macha Urio Mbwambo Kaaya Nnko "
        "Msuya Chuwa Mtui Laizer Kweka Minja Tarimo Mosha Malya Mlay Ndosi Sanga Mahenge"
    ),
    seed=11,
)
TERANGA = Profile(
    name="Énergie Téranga S.A.R.L.",
    address="12, rue de Thiong, Saint-Louis",
    phone="+221 33 961 0042",
    email="contact@energie-teranga.example.com",
    admin_name="Awa Ndiaye",
    admin_email="awa@energie-teranga.example.com",
    country_code="SN",
    country="Senegal",
    currency="XOF",
    language="fr",
    usage_type="mini-grid",
    plugins=(21, 15),
    dial="+22177",
    latitude=15.35,
    longitude=-14.95,
    cluster="Ferlo",
    villages=("Barkédji", "Velingara", "Loughéré Thioly"),
    quarters=_words("Nord Sud Est Ouest Centre Plateau Marché"),
    customers=90,
    price=280,
    access_rate=1000,
    system_price=95000,
    given_names=_words(
        "Awa Mamadou Fatou Ousmane Aïssatou Cheikh Mariama Ibrahima Khady Modou Ndèye Abdoulaye Coumba Moussa Astou "
        "Alioune Seynabou Pape Rokhaya Babacar Dieynaba Samba Yacine Lamine Oumy Amadou Penda Malick Sokhna Idrissa"
    ),
    surnames=_words(
        "Ndiaye Diop Fall Sow Ba Diallo Gueye Sarr Faye Seck Thiam Diouf Kane Sy Cissé Mbaye Niang Diagne Ka Dieng Ly "
        "Wade Touré Camara Sané Badji Mané Dia Samb Lo"
    ),
    seed=22,
)
HIMAL = Profile(
    name="हिमाल ऊर्जा प्रा. लि.",
    address="Bagar 7, Pokhara",
    phone="+977 61 520 318",
    email="info@himal-urja.example.com",
    admin_name="Sunita Gurung",
    admin_email="sunita@himal-urja.example.com",
    country_code="NP",
    country="Nepal",
    currency="NPR",
    language="en",
    usage_type="mini-grid&shs&e-bike",
    plugins=(21, 22, 16),
    dial="+97798",
    latitude=28.35,
    longitude=83.57,
    cluster="Myagdi",
    villages=("Shikha", "Ghara", "Narchyang", "Dana", "Muna", "Lulang"),
    quarters=_words("Uttar Dakshin Purba Paschim Bazar Danda Besi"),
    customers=220,
    price=45,
    access_rate=120,
    system_price=21000,
    given_names=_words(
        "Sunita Ram Gita Hari Sita Krishna Maya Bishnu Anita Dipak Sarita Suresh Kamala Prakash Laxmi Rajesh Nirmala "
        "Santosh Bimala Mohan Sabina Ganesh Radha Arjun Puja Kiran Devi Bikash Mina Tek"
    ),
    surnames=_words(
        "Gurung Pun Thapa Magar Rai Tamang Sherpa Shrestha Adhikari Poudel Sharma Bhandari Karki Lama Limbu Chhetri "
        "Khadka Basnet Ghimire Acharya Subedi Rana Thakali Bista Joshi KC Malla Budha Rokaya Pariyar"
    ),
    seed=33,
)

PROFILES = (ZIWA, TERANGA, HIMAL)
#: By country code, what other made-up companies are like.
COUNTRIES = {profile.country_code: profile for profile in PROFILES}


def sized(country: str, *, customers: int, years: int, seed: int) -> Profile:
    """Return what a company of this size in a country is like. Raises InvalidInput, when there is none like it."""
    problems = [
        f"{what} is {value}, not {low} to {high}"
        for what, value, low, high in (
            ("customers", customers, 10, 1_000_000),
            ("years", years, 1, 20),
            ("seed", seed, 0, 2**63 - 1),
        )
        if not low <= value <= high
    ]
    if country not in COUNTRIES:
        problems.append(f"country is none of {', '.join(COUNTRIES)}")
    if problems:
        raise InvalidInput("; ".join(problems))
    return replace(COUNTRIES[country], customers=customers, years=years, seed=seed, usage_type="mini-grid&shs")
