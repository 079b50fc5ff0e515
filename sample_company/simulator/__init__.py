"""The source systems of Nordvik, simulated: files as its shop, support, ad platforms, HR and meters would send them.

The same arguments give the same bytes. A later last day adds files; earlier ones change only where something in them
was still open (a ticket, an incident) and in the files that systems always send whole (customers, employees, absences,
exchange rates, and the month that is running).

One folder for each part of the company; the modules beside them are what all parts share.
"""
