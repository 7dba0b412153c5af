"""Networks and tensor arithmetic in plain torch, used by several policies. Knows neither datasets nor policies."""
