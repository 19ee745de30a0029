"""A shop that never was, whose truth is known: channels, costs, keys, a season, an offer put to the test."""

from lifecast.simulated_shop.channel import DEFAULT_CHANNELS, Channel
from lifecast.simulated_shop.simulation import Offer, SimulatedShop, simulate_shop
from lifecast.simulated_shop.truth import Truth

__all__ = ["DEFAULT_CHANNELS", "Channel", "Offer", "SimulatedShop", "Truth", "simulate_shop"]
