"""Replays the history of real companies month by month: how many right values does the gate hold or flag?"""
