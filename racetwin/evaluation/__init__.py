"""Real races and the forecasts made of them come in, scoreboards go out."""
