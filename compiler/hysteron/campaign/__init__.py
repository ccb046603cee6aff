"""Campaigns: chips x conditions x samples, their statistics, store and pictures."""
