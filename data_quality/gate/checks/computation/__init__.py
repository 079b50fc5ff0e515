"""Was the value computed correctly? These checks don't depend on the past, so they also hold in the baseline."""
