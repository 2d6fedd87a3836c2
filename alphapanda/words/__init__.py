"""Words of strategies that are made of the core's own and of indicators: chains, sizes, the date.

They are kernels: compiled into a strategy's hooks, or plain Python, with the same result. Like the
core's words they take a context, turned to the instrument that is meant (`at`).
"""
