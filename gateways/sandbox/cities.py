"""The places the sandbox sells to: real cities and airports, in a small table of its own.

`World` takes any sequence of `City`: `main.py sandbox` adds the catalogue's destinations to `CITIES`.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Airport:
    """Degrees WGS 84; `city_code` is the IATA code of the city it serves."""

    code: str
    name: str
    city_code: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """`code`: IATA's city code. `level`: 1 (cheap) to 5. `size`: 1 to 5, how much is flown there; the
    cities of size 5 are hubs. The first airport is the main one."""

    code: str
    name: str
    country: str
    country_name: str
    region: str
    time_zone: str
    currency: str
    level: int
    size: int
    latitude: float
    longitude: float
    airports: tuple[Airport, ...]


_TABLE: Final = """
PAR|Paris|FR|France|EUROP|Europe/Paris|EUR|4|5|48.857|2.352|CDG:Charles de Gaulle:49.010:2.548,ORY:Orly:48.723:2.379
LON|London|GB|United Kingdom|EUROP|Europe/London|GBP|5|5|51.507|-0.128|LHR:Heathrow:51.471:-0.462,LGW:Gatwick:51.148:-0.190,STN:Stansted:51.885:0.235
FRA|Frankfurt|DE|Germany|EUROP|Europe/Berlin|EUR|4|5|50.110|8.682|FRA:Frankfurt am Main:50.033:8.571
MUC|Munich|DE|Germany|EUROP|Europe/Berlin|EUR|4|4|48.137|11.575|MUC:Franz Josef Strauss:48.354:11.786
BER|Berlin|DE|Germany|EUROP|Europe/Berlin|EUR|3|4|52.520|13.405|BER:Brandenburg:52.367:13.503
HAM|Hamburg|DE|Germany|EUROP|Europe/Berlin|EUR|3|3|53.551|9.994|HAM:Helmut Schmidt:53.630:9.988
NCE|Nice|FR|France|EUROP|Europe/Paris|EUR|4|3|43.700|7.268|NCE:Cote d Azur:43.658:7.216
LYS|Lyon|FR|France|EUROP|Europe/Paris|EUR|3|3|45.764|4.836|LYS:Saint Exupery:45.726:5.081
AMS|Amsterdam|NL|Netherlands|EUROP|Europe/Amsterdam|EUR|4|5|52.370|4.895|AMS:Schiphol:52.309:4.764
BRU|Brussels|BE|Belgium|EUROP|Europe/Brussels|EUR|3|3|50.850|4.352|BRU:Zaventem:50.901:4.484
MAD|Madrid|ES|Spain|EUROP|Europe/Madrid|EUR|3|5|40.417|-3.704|MAD:Adolfo Suarez Barajas:40.472:-3.561
BCN|Barcelona|ES|Spain|EUROP|Europe/Madrid|EUR|3|4|41.385|2.173|BCN:El Prat:41.297:2.078
AGP|Malaga|ES|Spain|EUROP|Europe/Madrid|EUR|2|3|36.721|-4.421|AGP:Costa del Sol:36.675:-4.499
PMI|Palma de Mallorca|ES|Spain|EUROP|Europe/Madrid|EUR|3|3|39.570|2.650|PMI:Son Sant Joan:39.552:2.739
LIS|Lisbon|PT|Portugal|EUROP|Europe/Lisbon|EUR|3|4|38.722|-9.139|LIS:Humberto Delgado:38.774:-9.134
OPO|Porto|PT|Portugal|EUROP|Europe/Lisbon|EUR|2|3|41.150|-8.610|OPO:Francisco Sa Carneiro:41.248:-8.681
FNC|Funchal|PT|Portugal|EUROP|Atlantic/Madeira|EUR|2|2|32.650|-16.908|FNC:Cristiano Ronaldo:32.698:-16.774
ROM|Rome|IT|Italy|EUROP|Europe/Rome|EUR|3|4|41.902|12.496|FCO:Fiumicino:41.800:12.239,CIA:Ciampino:41.799:12.595
MIL|Milan|IT|Italy|EUROP|Europe/Rome|EUR|4|4|45.464|9.190|MXP:Malpensa:45.630:8.723,LIN:Linate:45.445:9.277
VCE|Venice|IT|Italy|EUROP|Europe/Rome|EUR|4|3|45.441|12.316|VCE:Marco Polo:45.505:12.352
NAP|Naples|IT|Italy|EUROP|Europe/Rome|EUR|2|3|40.852|14.268|NAP:Capodichino:40.886:14.291
ATH|Athens|GR|Greece|EUROP|Europe/Athens|EUR|2|4|37.984|23.728|ATH:Eleftherios Venizelos:37.936:23.944
JTR|Santorini|GR|Greece|EUROP|Europe/Athens|EUR|4|2|36.393|25.461|JTR:Thira:36.399:25.479
VIE|Vienna|AT|Austria|EUROP|Europe/Vienna|EUR|3|4|48.208|16.373|VIE:Schwechat:48.110:16.570
ZRH|Zurich|CH|Switzerland|EUROP|Europe/Zurich|CHF|5|4|47.377|8.541|ZRH:Kloten:47.458:8.548
GVA|Geneva|CH|Switzerland|EUROP|Europe/Zurich|CHF|5|3|46.204|6.143|GVA:Cointrin:46.238:6.109
PRG|Prague|CZ|Czechia|EUROP|Europe/Prague|CZK|2|3|50.075|14.438|PRG:Vaclav Havel:50.101:14.260
BUD|Budapest|HU|Hungary|EUROP|Europe/Budapest|HUF|2|3|47.498|19.040|BUD:Ferenc Liszt:47.437:19.256
WAW|Warsaw|PL|Poland|EUROP|Europe/Warsaw|PLN|2|3|52.230|21.012|WAW:Chopin:52.166:20.967
KRK|Krakow|PL|Poland|EUROP|Europe/Warsaw|PLN|1|3|50.065|19.945|KRK:John Paul II:50.078:19.785
CPH|Copenhagen|DK|Denmark|EUROP|Europe/Copenhagen|DKK|5|4|55.676|12.568|CPH:Kastrup:55.618:12.656
STO|Stockholm|SE|Sweden|EUROP|Europe/Stockholm|SEK|4|3|59.329|18.069|ARN:Arlanda:59.652:17.919
OSL|Oslo|NO|Norway|EUROP|Europe/Oslo|NOK|5|3|59.914|10.752|OSL:Gardermoen:60.194:11.100
HEL|Helsinki|FI|Finland|EUROP|Europe/Helsinki|EUR|4|3|60.170|24.938|HEL:Vantaa:60.317:24.963
REK|Reykjavik|IS|Iceland|EUROP|Atlantic/Reykjavik|ISK|5|2|64.147|-21.942|KEF:Keflavik:63.985:-22.606
DUB|Dublin|IE|Ireland|EUROP|Europe/Dublin|EUR|4|3|53.350|-6.260|DUB:Dublin:53.421:-6.270
EDI|Edinburgh|GB|United Kingdom|EUROP|Europe/London|GBP|4|3|55.953|-3.188|EDI:Turnhouse:55.950:-3.372
IST|Istanbul|TR|Turkiye|EUROP|Europe/Istanbul|TRY|2|5|41.008|28.978|IST:Istanbul:41.275:28.752,SAW:Sabiha Gokcen:40.899:29.309
DXB|Dubai|AE|United Arab Emirates|MEAST|Asia/Dubai|AED|4|5|25.205|55.271|DXB:Dubai International:25.253:55.366
DOH|Doha|QA|Qatar|MEAST|Asia/Qatar|QAR|4|4|25.285|51.531|DOH:Hamad:25.273:51.608
AMM|Amman|JO|Jordan|MEAST|Asia/Amman|JOD|2|2|31.956|35.946|AMM:Queen Alia:31.723:35.993
CAI|Cairo|EG|Egypt|AFRIC|Africa/Cairo|EGP|1|3|30.044|31.236|CAI:Cairo:30.122:31.406
RAK|Marrakesh|MA|Morocco|AFRIC|Africa/Casablanca|MAD|1|3|31.630|-7.981|RAK:Menara:31.607:-8.036
NBO|Nairobi|KE|Kenya|AFRIC|Africa/Nairobi|KES|2|3|-1.286|36.817|NBO:Jomo Kenyatta:-1.319:36.928
CPT|Cape Town|ZA|South Africa|AFRIC|Africa/Johannesburg|ZAR|2|3|-33.925|18.424|CPT:Cape Town:-33.965:18.602
NYC|New York|US|United States|NAMER|America/New_York|USD|5|5|40.713|-74.006|JFK:John F Kennedy:40.640:-73.779,EWR:Newark Liberty:40.690:-74.174
SFO|San Francisco|US|United States|NAMER|America/Los_Angeles|USD|5|4|37.775|-122.419|SFO:San Francisco:37.619:-122.375
LAX|Los Angeles|US|United States|NAMER|America/Los_Angeles|USD|4|4|34.052|-118.244|LAX:Los Angeles:33.943:-118.408
CHI|Chicago|US|United States|NAMER|America/Chicago|USD|4|4|41.878|-87.630|ORD:O Hare:41.978:-87.904
MIA|Miami|US|United States|NAMER|America/New_York|USD|4|3|25.762|-80.192|MIA:Miami:25.793:-80.291
YTO|Toronto|CA|Canada|NAMER|America/Toronto|CAD|4|4|43.653|-79.383|YYZ:Pearson:43.677:-79.631
MEX|Mexico City|MX|Mexico|NAMER|America/Mexico_City|MXN|2|3|19.433|-99.133|MEX:Benito Juarez:19.436:-99.072
BUE|Buenos Aires|AR|Argentina|SAMER|America/Argentina/Buenos_Aires|ARS|2|3|-34.604|-58.382|EZE:Ezeiza:-34.822:-58.536
SAO|Sao Paulo|BR|Brazil|SAMER|America/Sao_Paulo|BRL|2|4|-23.551|-46.633|GRU:Guarulhos:-23.435:-46.473
LIM|Lima|PE|Peru|SAMER|America/Lima|PEN|2|3|-12.046|-77.043|LIM:Jorge Chavez:-12.022:-77.114
TYO|Tokyo|JP|Japan|ASIA|Asia/Tokyo|JPY|4|5|35.690|139.692|HND:Haneda:35.549:139.780,NRT:Narita:35.772:140.393
OSA|Osaka|JP|Japan|ASIA|Asia/Tokyo|JPY|3|3|34.694|135.502|KIX:Kansai:34.435:135.244
SEL|Seoul|KR|South Korea|ASIA|Asia/Seoul|KRW|3|4|37.566|126.978|ICN:Incheon:37.460:126.441
BKK|Bangkok|TH|Thailand|ASIA|Asia/Bangkok|THB|1|4|13.756|100.502|BKK:Suvarnabhumi:13.690:100.750
SIN|Singapore|SG|Singapore|ASIA|Asia/Singapore|SGD|4|5|1.352|103.820|SIN:Changi:1.364:103.991
DPS|Denpasar|ID|Indonesia|ASIA|Asia/Makassar|IDR|1|3|-8.650|115.217|DPS:Ngurah Rai:-8.748:115.167
HAN|Hanoi|VN|Vietnam|ASIA|Asia/Ho_Chi_Minh|VND|1|3|21.028|105.854|HAN:Noi Bai:21.221:105.807
DEL|Delhi|IN|India|ASIA|Asia/Kolkata|INR|1|4|28.614|77.209|DEL:Indira Gandhi:28.556:77.100
SYD|Sydney|AU|Australia|PACIF|Australia/Sydney|AUD|4|4|-33.869|151.209|SYD:Kingsford Smith:-33.946:151.177
AKL|Auckland|NZ|New Zealand|PACIF|Pacific/Auckland|NZD|4|3|-36.848|174.763|AKL:Auckland:-37.008:174.792
"""


def _city(line: str) -> City:
    code, name, country, country_name, region, zone, currency, level, size, lat, lon, airports = (
        line.split("|")
    )
    return City(
        code=code,
        name=name,
        country=country,
        country_name=country_name,
        region=region,
        time_zone=zone,
        currency=currency,
        level=int(level),
        size=int(size),
        latitude=float(lat),
        longitude=float(lon),
        airports=tuple(_airport(code, each) for each in airports.split(",")),
    )


def _airport(city_code: str, text: str) -> Airport:
    code, name, latitude, longitude = text.split(":")
    return Airport(
        code=code,
        name=name,
        city_code=city_code,
        latitude=float(latitude),
        longitude=float(longitude),
    )


CITIES: Final[tuple[City, ...]] = tuple(map(_city, _TABLE.strip().splitlines()))
