"""The Swedish sentences about what shifted, by the English ones."""

SHIFTS = {
    "What shifted": "Vad som har ändrats",
    "No KPI's level or trend has changed in the last year by more than chance.": "Inget nyckeltals nivå eller trend har"
    " ändrats mer än slumpmässigt det senaste året.",
    "Earlier steps of its level are taken into account: {steps}.": "Hänsyn är tagen till tidigare nivåskiften:"
    " {steps}.",
    "Nothing is known of that time.": "Inget är känt om den tiden.",
    "Released as a new level from {day}:": "Släppt som ny nivå från {day}:",
    "Incident since {day}:": "Händelse sedan {day}:",
    "The series breaks on {day}.": "Brott i serien {day}.",
    "{kpi} has been about {level} since {since}: {size} more than its season and trend before led to expect.": "{kpi}"
    " har varit omkring {level} sedan {since}: {size} mer än säsong och trend dessförinnan lät vänta.",
    "{kpi} has been about {level} since {since}: {size} less than its season and trend before led to expect.": "{kpi}"
    " har varit omkring {level} sedan {since}: {size} mindre än säsong och trend dessförinnan lät vänta.",
    "The trend of {kpi} changed in {since}: it rises by {size} {period} more than before.": "Trenden för {kpi} ändrades"
    " i {since}: ökningen är {size} {period} större än förut.",
    "The trend of {kpi} changed in {since}: it rises by {size} {period} less than before.": "Trenden för {kpi} ändrades"
    " i {since}: ökningen är {size} {period} mindre än förut.",
    "{kpi} and {other} no longer move together as before: since {since} {kpi} is {size} higher than {other} leads to"
    " expect.": "{kpi} och {other} följs inte längre åt som förut: sedan {since} är {kpi} {size} högre än {other} låter"
    " vänta.",
    "{kpi} and {other} no longer move together as before: since {since} {kpi} is {size} lower than {other} leads to"
    " expect.": "{kpi} och {other} följs inte längre åt som förut: sedan {since} är {kpi} {size} lägre än {other} låter"
    " vänta.",
    "{kpi} and {other} no longer move together as before: since {since} {kpi} rises by {size} {period} more than"
    " {other} leads to expect.": "{kpi} och {other} följs inte längre åt som förut: sedan {since} är ökningen av {kpi}"
    " {size} {period} större än {other} låter vänta.",
    "{kpi} and {other} no longer move together as before: since {since} {kpi} rises by {size} {period} less than"
    " {other} leads to expect.": "{kpi} och {other} följs inte längre åt som förut: sedan {since} är ökningen av {kpi}"
    " {size} {period} mindre än {other} låter vänta.",
}
