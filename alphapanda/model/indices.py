"""Share indices by their names, however capitals, spaces and other signs between words are."""

from __future__ import annotations

import re

SPOT_NAMES = {
    "NIFTY": "NIFTY 50",
    "BANKNIFTY": "NIFTY BANK",
    "FINNIFTY": "NIFTY FIN SERVICE",
    "MIDCPNIFTY": "NIFTY MID SELECT",
    "NIFTYNXT50": "NIFTY NEXT 50",
}
"""Index symbols by the name that contracts on them carry, both as in Kite's instruments file."""

OF_BSE = frozenset({"SENSEX", "BANKEX", "SENSEX50"})
UNDERLYINGS = OF_BSE | SPOT_NAMES.keys()
"""Indices by the names that contracts on them carry."""

INDICES = UNDERLYINGS | frozenset({*SPOT_NAMES.values(),
    "INDIA VIX", "MINIFTY", "DJIA", "S&P500", "FTSE100", "NFTYMCAP50", "NSE9", "NIFTYMID50",
    "NIFTYINFRA", "NIFTYCPSE", "CNXFIN", "CNXPSE", "CNXINFRA",
})  # fmt: skip
"""Indices by the names that they, and contracts on them, have or had."""

KITE = {
    "NIFTY FINANCIAL SERVICES": "NIFTY FIN SERVICE",
    "NIFTY INFRASTRUCTURE": "NIFTY INFRA",
    "NIFTY SERVICES SECTOR": "NIFTY SERV SECTOR",
    "NIFTY INDIA CONSUMPTION": "NIFTY CONSUMPTION",
    "NIFTY CONSUMER DURABLES": "NIFTY CONSR DURBL",
    "NIFTY HEALTHCARE INDEX": "NIFTY HEALTHCARE",
    "NIFTY PRIVATE BANK": "NIFTY PVT BANK",
    "NIFTY OIL & GAS": "NIFTY OIL AND GAS",
    "NIFTY MIDCAP SELECT": "NIFTY MID SELECT",
    "NIFTY SMALLCAP 50": "NIFTY SMLCAP 50",
    "NIFTY SMALLCAP 100": "NIFTY SMLCAP 100",
    "NIFTY SMALLCAP 250": "NIFTY SMLCAP 250",
}
"""NSE's names that differ from Kite's in more than capitals (instruments file, 2025-08-29)."""

WORD = (
    "LARGEMID250|MICROCAP250|NEXT|BANK|IT|AUTO|PHARMA|FMCG|METAL|REALTY|ENERGY|INFRA|MEDIA|PSU|PSE"
    "|PVT|SMLCAP|MIDCAP|MID|SELECT|FIN|SERVICE|SERV|SECTOR|COMMODITIES|CONSUMPTION|CPSE|MNC"
    "|HEALTHCARE|OIL|AND|GAS|TOTAL|MKT|CONSR|DURBL|500|250|200|150|100|50"
)
SPELLED = re.compile(rf"(?:NIFTY|CNX)((?:{WORD})+)")
"""NSE's indices without signs between words: no share or ETF is called so, and a test says it."""

OTHERS = {
    "INDIAVIX": "INDIA VIX", "CNXNIFTY": "NIFTY 50", "SPCNXNIFTY": "NIFTY 50",
    "BSESENSEX": "SENSEX", "NIFTYJR": "NIFTY NEXT 50", "NIFTYJUNIOR": "NIFTY NEXT 50",
    "CNXFIN": "NIFTY FIN SERVICE", "HANGSENGBEESNAV": "HANGSENG BEES-NAV",
    "NIFTY100ESGSECLDR": "NIFTY100ESGSECLDR", "NIFTY200MOMENTM30": "NIFTY200MOMENTM30",
    "NIFTYM150MOMNTM50": "NIFTYM150MOMNTM50", "NIFTY500MOMENTM50": "NIFTY500MOMENTM50",
}  # fmt: skip
PLAIN = {
    **{"".join(re.findall(r"[A-Z0-9]+", long)): kite for long, kite in KITE.items()},
    **{kite.replace(" ", ""): kite for kite in (*KITE.values(), *SPOT_NAMES.values())},
    **OTHERS,
}
"""Kite's names by names of capitals and figures alone."""


ROOT_OF = {spot: root for root, spot in SPOT_NAMES.items()}
"""What contracts on an index call it, by Kite's name of it."""


def index_name(text: str) -> str:
    """Return the index that a text names, as contracts on it or Kite call it; empty if none."""
    plain = re.sub(r"[^A-Z0-9]", "", text.upper()).removesuffix("INDEX")
    if plain in UNDERLYINGS:
        return plain
    if plain in PLAIN:
        return PLAIN[plain]
    spelled = SPELLED.fullmatch(plain)
    return " ".join(["NIFTY", *re.findall(WORD, spelled[1])]) if spelled else ""


def is_index(symbol: str) -> bool:
    """Say if a symbol on a cash exchange is an index's; no share's has a space."""
    upper = symbol.upper()
    several = upper.startswith(("NIFTY", "SENSEX ")) and " " in upper
    return several or upper in INDICES or bool(index_name(symbol))
