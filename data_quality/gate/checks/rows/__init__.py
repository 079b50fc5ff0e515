"""Did the feeds deliver their rows as usual?"""
