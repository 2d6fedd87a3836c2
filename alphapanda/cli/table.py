"""The commands, in the order of `alphapanda --help`: each one's module, and its line of help.

A command is a file: a function of the file's name, its options as its signature, its help as its
docstring (whose first sentence is the line here). A command of two words is a file of both.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A command."""

    module: str
    """Imported when the command runs, or when its own help is asked for."""
    line: str


COMMANDS = {
    "backtest": Row("alphapanda.cli.backtest", "Run a strategy over recorded data, by its name or "
                    "by a run file."),
    "paper": Row("alphapanda.cli.paper", "Trade on paper: a feed at its own pace, with a journal "
                 "that survives a crash."),
    "live": Row("alphapanda.cli.live", "Trade live: real orders at a broker, on its live ticks, "
                "with a journal that survives a crash."),
    "run": Row("alphapanda.cli.run", "Run what its roles say, in this process: all of them, or "
               "some beside others."),
    "record": Row("alphapanda.cli.record", "Keep the ticks of a live feed without trading, until "
                  "Ctrl-C or the end of the day."),
    "sweep": Row("alphapanda.cli.sweep", "Run every combination of a grid of parameters, and judge "
                 "the best."),
    "check": Row("alphapanda.cli.check", "Look for decisions that use the future, chance, or too "
                 "short a warm-up; status 1 if any."),
    "stress": Row("alphapanda.cli.stress", "Rerun with worse fills, dearer charges and lost rows: "
                  "how much of the P&L survives."),
    "charges": Row("alphapanda.cli.charges", "Print the contract note of a day's trades in one "
                   "instrument, by the rates of that day."),
    "chain": Row("alphapanda.cli.chain", "Print the option chain of an underlying on a day, with "
                 "implied volatility and greeks."),
    "status": Row("alphapanda.cli.status", "Show processes, runs and the health of every part; "
                  "status 1 if one is down."),
    "pause": Row("alphapanda.cli.pause", "Take no new risk: working orders that add risk are "
                 "cancelled; what only reduces it passes."),
    "resume": Row("alphapanda.cli.resume", "Lift a pause; what was killed stays killed."),
    "flatten": Row("alphapanda.cli.flatten", "Pause, cancel all working orders, and close the "
                   "positions by market orders."),
    "kill": Row("alphapanda.cli.kill", "Stop trading: refuse order requests, cancel working "
                "orders; exits of brackets stay."),
    "rearm": Row("alphapanda.cli.rearm", "Lift a kill, and nothing else; the account's id is asked "
                 "for."),
    "cancel": Row("alphapanda.cli.cancel", "Cancel one working order, whichever strategy's it "
                  "is."),
    "orders": Row("alphapanda.cli.orders", "Show our orders of today beside the broker's; status "
                  "1 if some differ."),
    "orders adopt": Row("alphapanda.cli.orders_adopt", "Make an order of the account a strategy's, "
                        "with what was filled of it today."),
    "orders ignore": Row("alphapanda.cli.orders_ignore", "Take an order in quarantine for somebody "
                         "else's: its instrument takes risk again."),
    "orders resume": Row("alphapanda.cli.orders_resume", "Let orders leave again after a halt "
                         "whose cause you have mended."),
    "positions": Row("alphapanda.cli.positions", "Show what our runs hold beside the account; "
                     "status 1 if it has less, or another side."),
    "verify": Row("alphapanda.cli.verify", "Replay a run's journal through a fresh core: every "
                  "envelope must come out the same."),
    "api": Row("alphapanda.cli.api", "Serve the API and its page, until Ctrl-C; first make a user: "
               "users add NAME --role admin."),
    "users add": Row("alphapanda.cli.users_add", "Add a user; the password, of at least 12 "
                     "characters, is asked for on the terminal."),
    "relay": Row("alphapanda.cli.relay", "Publish the rest of a run that has ended to the topics."),
    "project": Row("alphapanda.cli.project", "Bring the tables and the board to what the topics "
                   "say, or the journals under runs/."),
    "schema": Row("alphapanda.cli.schema", "Print the JSON Schema of the events."),
    "demo": Row("alphapanda.cli.demo", "Generate a session of NSE-like ticks and backtest "
                "ema_cross on it."),
    "rehearse": Row("alphapanda.cli.rehearse", "Trade a day live at a simulated exchange, and "
                    "compare its book with ours; status 1 if not one."),
    "kitesim": Row("alphapanda.cli.kitesim", "Serve a simulated exchange that speaks Kite, on "
                   "loopback, over recorded data."),
    "strategies": Row("alphapanda.cli.strategies", "List the strategies with their parameters."),
    "seed": Row("alphapanda.cli.seed", "Put the strategies of the folder into the database, those "
                "that are not there; switch some."),
    "bootstrap": Row("alphapanda.cli.bootstrap", "Make the topics on the server of Kafka's "
                     "protocol; what is there already is compared."),
    "tail": Row("alphapanda.cli.tail", "Print a topic's events, one a line."),
    "report": Row("alphapanda.cli.report", "Make a run's HTML page again, or compare several runs "
                  "in one."),
    "calibrate": Row("alphapanda.cli.calibrate", "Fit paper fills (latency, slippage, share of "
                     "volume) to live runs, as a profile for --fills."),
    "schedule list": Row("alphapanda.cli.schedule_list", "List the schedules: what runs, when "
                         "next, how it went last; status 1 if a file is wrong."),
    "schedule run": Row("alphapanda.cli.schedule_run", "Run a schedule's notebook now; status 1 if "
                        "it does not go well."),
    "schedule start": Row("alphapanda.cli.schedule_start", "Run notebooks at their times, until "
                          "Ctrl-C."),
    "schedule history": Row("alphapanda.cli.schedule_history", "List the runs of schedules; status "
                            "1 if one failed or was left in the middle."),
    "data import": Row("alphapanda.cli.data_import", "Bring files into the catalogue: whole or not "
                       "at all, nothing twice, all drops told."),
    "data list": Row("alphapanda.cli.data_list", "List what the catalogue has: instruments, kinds, "
                     "days, rows, size."),
    "data show": Row("alphapanda.cli.data_show", "Show an instrument of the catalogue: its days, "
                     "prices, first and last rows."),
    "data synth": Row("alphapanda.cli.data_synth", "Make up NSE-like sessions: auction, volume "
                      "smile, bid and ask, names that move together."),
    "data check": Row("alphapanda.cli.data_check", "Check data against calendar, order, bounds and "
                      "each other; exit status 1 with findings."),
    "data fetch": Row("alphapanda.cli.data_fetch", "Fetch candles from Kite into the catalogue; "
                      "stopped, the same command goes on."),
    "instruments fetch": Row("alphapanda.cli.instruments_fetch", "Fetch today's list of "
                             "instruments, judge it, and keep it by its day."),
    "instruments show": Row("alphapanda.cli.instruments_show", "Show an instrument as the newest "
                            "list has it, or that of a day."),
    "instruments diff": Row("alphapanda.cli.instruments_diff", "Show changed tokens, lots, ticks "
                            "and expiries between two lists; status 1 if any."),
    "login zerodha": Row("alphapanda.cli.login_zerodha", "Log in at Zerodha for the day: a page to "
                         "open, or a request token from one."),
    "login status": Row("alphapanda.cli.login_status", "Say whether there is a session at Zerodha, "
                        "having asked Kite; status 1 without one."),
    "logout zerodha": Row("alphapanda.cli.logout_zerodha", "End the session at Zerodha, at Kite "
                          "and in the database."),
    "config show": Row("alphapanda.cli.config_show", "Show all settings as they are now, without "
                       "secrets."),
    "config example": Row("alphapanda.cli.config_example", "Print an .env with every setting, its "
                          "meaning and its default."),
    "config key": Row("alphapanda.cli.config_key", "Make up a key for ALPHAPANDA_SECURITY__KEY."),
    "db upgrade": Row("alphapanda.cli.db_upgrade", "Make the tables, or bring them to this "
                      "version's form; what is in them stays."),
    "db check": Row("alphapanda.cli.db_check", "Compare the database with what this version needs; "
                    "exit status 1 if it differs."),
    "new strategy": Row("alphapanda.cli.new_strategy", "Write strategies/NAME.py, which runs as it "
                        "is, and tests/test_NAME.py."),
    "dlq list": Row("alphapanda.cli.dlq_list", "List dead letters: where each came from, when, and "
                    "why."),
    "dlq show": Row("alphapanda.cli.dlq_show", "Show dead letters with their contents."),
    "dlq replay": Row("alphapanda.cli.dlq_replay", "Send dead letters to their topic again, each "
                      "once; with --offset one, as often as asked."),
    "runs list": Row("alphapanda.cli.runs_list", "List them: how they stand, what they hold."),
    "runs show": Row("alphapanda.cli.runs_show", "Show one: its manifest, its events by type."),
}  # fmt: skip
GROUPS = {
    "schedule": "Notebooks that run at their times, by schedules/NAME.toml.",
    "orders": "Show our orders of today beside the broker's; status 1 if some differ.",
    "data": "Market data: import it into the catalogue, look at it, check it, make it up.",
    "instruments": "Kite's lists of instruments, one a day, under instruments/.",
    "login": "Sessions at a broker: a person logs in, once a day.",
    "logout": "The end of a session at a broker.",
    "config": "Settings: from the environment, .env and alphapanda.toml, in this order.",
    "db": "The database of the settings: SQLite, or PostgreSQL.",
    "new": "Begin something of your own: a strategy.",
    "dlq": "Dead letters: messages that could not be used, with the reason.",
    "users": "Who may log in at the API.",
    "runs": "The runs under runs/ that keep a journal.",
}
"""The first words of commands of two."""
