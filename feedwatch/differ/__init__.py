"""Compares a reading with what is known of its source, and says what happened.

Pure: takes and returns values. Does not know routes, feeds or the store.
"""
