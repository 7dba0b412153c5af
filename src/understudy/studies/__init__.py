"""Whole stories, from nothing to a page of results."""
