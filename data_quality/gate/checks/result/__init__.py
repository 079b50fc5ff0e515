"""Is the value itself as its past leads one to expect?"""
