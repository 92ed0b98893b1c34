"""Parts of the world that are wider than a country, by the countries of ours in them; of mountains, those that lie
in them for the most part (pure data).

Keys are the English names by which a reading mentions them (`inference/understanding/regions.tsv`).
"""

from typing import Final

from protocol.understanding import PlaceMention

_NORDIC: Final = "DK FI IS NO SE"
_BALTIC: Final = "EE LT LV"
_BALKAN: Final = "AL BA BG GR HR ME MK RO RS SI XK"
_EUROPE: Final = f"{_NORDIC} {_BALTIC} {_BALKAN} AD AT BE BY CH CY CZ DE ES FO FR GB GI HU IE IT LI LU MC MD MT NL PL PT SK SM UA VA"
_SOUTH_EAST: Final = "BN ID KH LA MM MY PH SG TH TL VN"
_MIDDLE_EAST: Final = "AE BH CY EG IL IQ IR JO KW LB OM PS QA SA SY TR YE"
_ASIA: Final = f"{_SOUTH_EAST} AE AF AM AZ BD BH BT CN GE HK IL IN IQ IR JO JP KG KP KR KW KZ LB LK MN MO MV NP OM PK PS QA SA SY TJ TM TW UZ YE"
_AFRICA: Final = (
    "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA NE NG RE RW SC"
    " SD SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW"
)
_CARIBBEAN: Final = (
    "AG AI AW BB BL BQ BS CU CW DM DO GD GP HT JM KN KY LC MF MQ MS PR SX TC TT VC VG VI"
)
_CENTRAL: Final = "BZ CR GT HN NI PA SV"
_SOUTH: Final = "AR BO BR CL CO EC FK GF GY PE PY SR UY VE"

REGIONS: Final = {
    name: frozenset(codes.split())
    for name, codes in {
        "Europe": _EUROPE,
        "Scandinavia": _NORDIC,
        "Baltics": _BALTIC,
        "Balkans": _BALKAN,
        "Benelux": "BE LU NL",
        "Alps": "AT CH LI SI",
        "Pyrenees": "AD",
        "Himalayas": "BT NP",
        "Mediterranean": "AL CY DZ EG ES FR GI GR HR IL IT LB LY MA MC ME MT SI SY TN TR",
        "Asia": _ASIA,
        "Southeast Asia": _SOUTH_EAST,
        "Middle East": _MIDDLE_EAST,
        "Africa": _AFRICA,
        "Caribbean": _CARIBBEAN,
        "Central America": _CENTRAL,
        "South America": _SOUTH,
        "Latin America": f"{_CENTRAL} {_SOUTH} MX CU DO PR",
        "North America": "BM CA GL MX PM US",
    }.items()
}


def countries_of(mention: PlaceMention) -> frozenset[str]:
    """Of a part of the world that is wider than one country; empty: it is none."""
    return (
        frozenset()
        if mention.place_id or mention.country
        else REGIONS.get(mention.name, frozenset())
    )
