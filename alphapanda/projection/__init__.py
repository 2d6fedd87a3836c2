"""Read models: a run's events as rows of the database and as a live board; the only writer of both.

Events of a run are taken in by their `seq`, each once, however they arrive: what comes early is
held, what comes again is nothing new (docs/adr/014). So the tables are at all times those of the
run up to some event, and can be dropped and made again.
"""
