"""Is the result itself where its past leads one to expect it?"""
