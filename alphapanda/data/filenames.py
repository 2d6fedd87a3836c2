"""What the name of a file says of its instrument, and whether that is sure.

Words that say when, how long a bar is, which part or whose download it is are taken away. One word
that is left is the instrument; of several, the only one in capitals. Anything else is a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from alphapanda.data.instruments import UNDERLYING
from alphapanda.model.indices import OF_BSE, ROOT_OF, index_name
from alphapanda.model.instruments import CONTINUOUS, root_of
from alphapanda.model.interval import WRITTEN

SYMBOL_FOLDER = re.compile(r"(?:symbol|instrument|tradingsymbol|ticker)=(.+)", re.IGNORECASE)
ENDINGS = re.compile(r"(?:\.(?:csv|txt|tsv|json|parquet|parq|pq|gz|zip))+$", re.IGNORECASE)
EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "MCX", "CDS", "BCD", "NCO")

TRADINGVIEW = re.compile(
    r"(?P<exchange>[A-Z]+?)(?:_DLY)?_(?P<symbol>[^,]+), (?P<step>\d*[SDWMH]?)(?:[ _].*)?"
)
"""TradingView's export: NSE_RELIANCE, 5 (minutes), and 1D."""

QUOTE_EQUITY = re.compile(
    r"Quote-Equity-(?P<symbol>.+?)-(?P<series>[A-Z0-9]{2})-\d\d?-\d\d?-\d{4}.*", re.IGNORECASE
)
OLD_SITE = re.compile(
    r"\d\d-\d\d-\d{4}-TO-\d\d-\d\d-\d{4}(?P<symbol>.+?)(?:ALLN|[A-Z]{2}N)", re.IGNORECASE
)
CHAIN = re.compile(
    r"option-chain-(?:ED|EQ|CD)-(?P<symbol>.+?)-(?P<expiry>\d{1,2}-[A-Za-z]{3}-\d{4}).*"
)
YAHOO = re.compile(r"(?P<symbol>[^ ]+)\.(?P<exchange>NS|BO)(?:[ _(-].*)?")
YAHOO_INDICES = {"^NSEI": "NSE:NIFTY 50", "^NSEBANK": "NSE:NIFTY BANK", "^BSESN": "BSE:SENSEX",
                 "^CNXIT": "NSE:NIFTY IT", "^INDIAVIX": "NSE:INDIA VIX"}  # fmt: skip

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATES = re.compile(
    r"(?<![A-Za-z0-9])(?:\d{4}[-_.]\d{1,2}[-_.]\d{1,2}|\d{1,2}[-_.]\d{1,2}[-_.]\d{4}|\d{4}[-.]\d\d"
    rf"|\d{{1,2}}[-_. ]?{MONTH}[-_. ]?\d{{4}}|\d{{4}}[-_. ]?{MONTH}(?:[-_. ]?\d{{1,2}})?"
    rf"|{MONTH}[-_. ]?\d{{4}}|(?:19|20)\d\d(?:\d\d(?:\d\d(?:\d{{4}}|\d{{6}})?)?)?"
    r")(?:[T_-]\d{6}(?!\d)|T\d{4,6}Z?|T\d\d[-:]\d\d(?:[-:]\d\d)?)?(?![A-Za-z0-9])",
    re.IGNORECASE,
)
"""Dates as names of files hold them."""

TRAIL = re.compile(r"(?:[_-]\d{4}[-_.]?\d\d[-_.]?\d\d(?:[T_-]\d{1,6})*)+$")
LENGTH = re.compile(r"-(?:\d*(?:minute|min|hour|day)s?|hourly|daily|\d+[mhd])$")
FILLER = re.compile(r"(?:part|data|ticks?|bars?|quotes?|trades?|\d[\d:t]*)(?:-.*)?")
"""Words of names without capitals: dates and lengths at the end, and those that name nothing."""

BSE_CODE = re.compile(r"[5-9]\d{5}")
INTERVAL = re.compile(
    r"(?:\d*(?:minute|min|hour|day|week|month)s?|hourly|daily|intraday|eod|weekly|\d+[mhds]"
    r"|\d+(?:sec|second)s?|m\d+|h\d+|d1|1d|tf\d+)",
    re.IGNORECASE,
)
KINDS = frozenset(f"{word}{s}" for word in ("tick", "bar", "quote", "trade") for s in ("", "s"))
"""Words of no instrument beside one in capitals, or alone."""

NOISE = frozenset(
    """
    part data datas dataset history historical hist candle candles ohlc ohlcv ohlcvoi price
    prices chart charts full final copy new raw clean cleaned export exported download
    downloaded derived sample test output out result results file series kite zerodha dhan
    fyers angel angelone smartapi upstox breeze icici groww gdfl truedata tradingview tv
    yahoo yfinance investing nseindia am pm to from upto till of the and all today stock
    stocks equity eq spot cash index futures future fut options option opt row rows merged
    combined adjusted unadjusted adj split csv unnamed market markets feed recording
    recorded recorder live session sessions example examples demo synth temp tmp input
    inputs main
    """.split()  # noqa: SIM905 (one a line would be a page)
)
"""Words of no instrument."""

CONTRACT_WORDS = {"fut": "FUT", "future": "FUT", "futures": "FUT", "opt": "OPT", "option": "OPT",
                  "options": "OPT"}  # fmt: skip
"""Words that say that rows are of contracts; which, a contract's own name says."""

INDEX_NUMBERS = frozenset({"50", "100", "150", "200", "250", "500"})
INDEX_WORDS = {
    "INDIA": frozenset({"VIX"}),
    "NIFTY": INDEX_NUMBERS
    | frozenset(
        """
        BANK IT AUTO PHARMA FMCG METAL REALTY ENERGY INFRA INFRASTRUCTURE MEDIA PSU PVT
        PRIVATE NEXT FIN FINANCIAL MID MIDCAP SMLCAP SMALLCAP MICROCAP LARGEMIDCAP
        MIDSMALLCAP MIDSML TOTAL COMMODITIES CONSUMPTION CPSE MNC SERV SERVICES HEALTHCARE
        CONSR CONSUMER OIL GROWSECT DIV DIVIDEND ALPHA QUALITY INDIA CORE HOUSING MOBILITY
        EV CAPITAL LOW HIGH GROWTH VALUE
        """.split()  # noqa: SIM905
    ),
}
"""First and second words of indices' names."""
CAPITALS = re.compile(r"[A-Z0-9&\-]*[A-Z][A-Z0-9&\-]*!?")
PART = re.compile(r"(?:p|pt|part)?-?\d{1,5}d?|[0-4]\d{5}|v\d+", re.IGNORECASE)
"""A number of a part or of days of history, or a time of day."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a path says of the instrument of its rows."""

    symbol: str
    sure: bool
    rest: frozenset[str] = frozenset()
    """Words of the name that are neither it nor known to mean something else."""
    interval: str | None = None
    """Where the form of the name says it."""
    contracts: str = ""
    """FUT, OPT: the name says that rows are of contracts, but not of which."""


def guess(path: str) -> Guess:
    """Return the symbol that a path names.

    A folder `symbol=INFY` says it, else the file's name; a name of nothing but dates and the like
    leaves it to the folder, which is sure where the folder is in capitals.
    """
    file = Path(path)
    for part in reversed(file.parts[:-1]):
        if match := SYMBOL_FOLDER.fullmatch(part):
            return Guess(match[1], sure=True)
    text = ENDINGS.sub("", file.name)
    if told := _of_known_form(text):
        return told
    found = _of_words(text)
    if found is not None:
        return _of_contracts(found, text)
    for up, folder in enumerate(reversed(file.absolute().parts[1:-1])):
        above = _of_words(folder) if "=" not in folder else None
        if above is not None:
            other = frozenset(w.lower() for w in _words(text) if not _says_when(w))
            sure = up == 0 and (folder.isupper() or bool(BSE_CODE.fullmatch(folder)))
            return Guess(above.symbol if sure else folder, above.sure and sure, above.rest | other)
    return Guess(text, sure=False)


def path_symbol(path: str) -> str:
    """Return the symbol that a replay gives to rows without one, sure or not."""
    return replayed(path).symbol


def replayed(path: str) -> Guess:
    """Return what a replay makes of a path: names without capitals stay as they are written.

    They are no symbols of an exchange; a run names its own files by them, without their dates.
    Futures of no month are a series, the near month's. A file without capitals that is named after
    an index is no index by that: its rows are run under its name, and a note says so.
    """
    found = guess(path)
    if found.contracts == "FUT":
        symbol = found.symbol.rpartition(":")[2]
        return replace(found, symbol=f"{ROOT_OF.get(symbol, symbol)}-I")
    if found.contracts:
        return found
    text = ENDINGS.sub("", Path(path).name)
    folders = Path(path).parts[:-1]
    if text != text.lower() or any(map(SYMBOL_FOLDER.fullmatch, folders)):
        return found
    words = [word for word in re.split(r"[_\s]+", LENGTH.sub("", TRAIL.sub("", text))) if word]
    if not words or BSE_CODE.fullmatch(text) or all(map(FILLER.fullmatch, words)):
        return found
    if root_of(found.symbol):
        return found
    return Guess("_".join(words), sure=False)


def apart(paths: Iterable[str], *, of: Callable[[str], Guess] = guess) -> dict[str, Guess]:
    """Return the guesses of files; of names that differ in more than a date or part none is sure.

    A guess that two such files would share is no longer shared: each has its whole name.
    """
    guesses = {path: of(path) for path in paths}
    shared: dict[str, set[frozenset[str]]] = {}
    for each in guesses.values():
        shared.setdefault(each.symbol.upper(), set()).add(each.rest)
    return {
        path: each if len(shared[each.symbol.upper()]) == 1
        else Guess(ENDINGS.sub("", Path(path).name), sure=False)
        for path, each in guesses.items()
    }  # fmt: skip


def _of_known_form(text: str) -> Guess | None:
    if text.upper() in YAHOO_INDICES:
        return Guess(YAHOO_INDICES[text.upper()], sure=True)
    if match := TRADINGVIEW.fullmatch(text):
        exchange = match["exchange"]
        if CONTINUOUS.fullmatch(match["symbol"]):
            exchange = {"NSE": "NFO", "BSE": "BFO"}.get(exchange, exchange)
        if exchange in EXCHANGES:
            return Guess(f"{exchange}:{match['symbol']}", sure=True, interval=_step(match["step"]))
    if match := QUOTE_EQUITY.fullmatch(text):
        series = "" if match["series"].upper() == "EQ" else f"-{match['series'].upper()}"
        return Guess(match["symbol"].upper() + series, sure=True)
    if (match := OLD_SITE.fullmatch(text)) or (match := CHAIN.fullmatch(text)):
        return Guess(match["symbol"].upper(), sure=True)
    if match := YAHOO.fullmatch(text):
        exchange = "NSE" if match["exchange"] == "NS" else "BSE"
        return Guess(f"{exchange}:{match['symbol']}", sure=True)
    return None


def _step(text: str) -> str | None:
    unit = text[-1:]
    if text.isdigit():
        return f"{text}m"
    units = {"S": "s", "D": "d", "H": "h"}
    return f"{text[:-1] or 1}{units[unit]}" if unit in units else None


def _of_words(text: str) -> Guess | None:
    words = _words(text)
    exchange, kept = "", []
    for word in words:
        bare, told = _without_endings(word)
        exchange = told or exchange
        if bare:
            kept.append(bare)
    index = _index_in(kept)
    if index is not None:
        exchange = exchange or ("BSE" if index in OF_BSE else "")
        return Guess(_with(exchange, index), sure=True)
    kept = [word for word in kept if not PART.fullmatch(word)]
    capitals = [word for word in kept if CAPITALS.fullmatch(word) or BSE_CODE.fullmatch(word)]
    if len(capitals) == 1 or len(kept) <= 1:
        kept = [word for word in kept if word.lower() not in KINDS]
    if not kept:
        return None
    if len(kept) == 1:
        (word,) = kept
        plain = word.islower() or word.istitle()
        return Guess(_with(exchange, word.upper() if plain else word), sure=True)
    if len(capitals) == 1:
        rest = frozenset(word.lower() for word in kept if word != capitals[0])
        contract = UNDERLYING.fullmatch(capitals[0]) is not None
        return Guess(_with(exchange, capitals[0]), sure=contract, rest=rest)
    return Guess("_".join(words), sure=False)


def _words(text: str) -> list[str]:
    return [w for w in re.split(r"[_\s,()\[\].]+", DATES.sub(" ", text)) if w.strip("-")]


def _says_when(word: str) -> bool:
    return bool(PART.fullmatch(word) or INTERVAL.fullmatch(word) or word.lower() in KINDS)


# RELIANCE-EQ, INFY-minute, NSE-TCS: the word without what says series, interval or exchange.
def _without_endings(word: str) -> tuple[str, str]:
    exchange = ""
    while word:
        word = word.strip("-")
        head, _, tail = word.rpartition("-")
        first, _, after = word.partition("-")
        if word.upper() in EXCHANGES:
            return "", word.upper()
        if _is_noise(word):
            return "", exchange
        if head and (_is_noise(tail) or tail.upper() in EXCHANGES):
            exchange = tail.upper() if tail.upper() in EXCHANGES else exchange
            word = head
        elif after and (first.upper() in EXCHANGES):
            exchange, word = first.upper(), after
        elif first == "symbol" and after:
            word = after
        else:
            break
    return word, exchange


def _is_noise(word: str) -> bool:
    if BSE_CODE.fullmatch(word):
        return False
    return bool(
        word.lower() in NOISE or INTERVAL.fullmatch(word) or WRITTEN.fullmatch(word)
        or re.fullmatch(MONTH, word, re.IGNORECASE)
    )  # fmt: skip


# NIFTY BANK, Nifty 50, INDIA VIX, nifty50, bank_nifty: names of one word or several.
def _index_in(words: list[str]) -> str | None:
    upper = [word.upper() for word in words]
    name = [w for n, w in enumerate(upper) if not n or not PART.fullmatch(w) or w in INDEX_NUMBERS]
    if known := index_name(" ".join(name)):
        return known
    if len(name) < 2 or name[1] not in INDEX_WORDS.get(name[0], ()):
        return None
    return " ".join(name)


# NIFTY_FUT, reliance_options: rows of contracts, and the name does not tell which.
def _of_contracts(found: Guess, text: str) -> Guess:
    symbol = found.symbol.partition(":")[2] or found.symbol
    if UNDERLYING.fullmatch(symbol) or root_of(symbol):
        return found
    said = (CONTRACT_WORDS.get(w, "") for word in _words(text) for w in word.lower().split("-"))
    kind = max(said, default="")
    if not kind:
        return found
    rest = found.rest if found.sure else found.rest | {symbol.lower()}
    return replace(found, sure=False, contracts=kind, rest=rest)


def _with(exchange: str, symbol: str) -> str:
    return f"{exchange}:{symbol}" if exchange else symbol
