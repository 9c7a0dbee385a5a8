"""Words everyone uses: ids, clock and windows, money, plans, the expression language and its functions."""
