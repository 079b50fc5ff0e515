"""Did the rows of the feeds come as they used to?"""
