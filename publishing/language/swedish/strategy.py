"""The Swedish words about objectives, initiatives and teams' goals, by the English ones."""

STRATEGY = {
    "Objectives": "Verksamhetsmål",
    "Attainment is the mean over an objective's key KPIs (on target 100 %, at risk 50 %, off target 0 %) and over the"
    " objectives that are a part of it, with their weights. What isn't judged is left out. Supporting KPIs don't"
    " count.": "Uppfyllelsen är medelvärdet av verksamhetsmålets nyckeltal på nyckelnivå (på målet 100 %, i riskzonen"
    " 50 %, utanför målet 0 %) och av dess delmål, med deras vikter. Det som inte bedöms räknas inte med. Stödjande"
    " nyckeltal räknas inte.",
    "Attainment, {first} to {last}": "Uppfyllelse, {first} till {last}",
    "Attained": "Uppfyllt",
    "KPIs of the objective {name}": "Nyckeltal för verksamhetsmålet {name}",
    "Initiatives": "Initiativ",
    "Goals of teams, {period}": "Teamens mål, {period}",
    "Team": "Team",
    "KPI served": "Nyckeltal som målen gäller",
    "Share of the objective's goals": "Andel av målets teammål",
    "At risk down to {value}, off target below it.": "I riskzonen ned till {value}, därunder utanför målet.",
    "At risk from {lower} to {upper} outside the band, off target beyond.": "I riskzonen från {lower} till"
    " {upper} utanför bandet, därbortom utanför målet.",
    "At risk up to {value}, off target above it.": "I riskzonen upp till {value}, däröver utanför målet.",
    "Targets of single periods": "Mål för enskilda perioder",
    "{target} for {period}; it varies": "{target} för {period}; det varierar",
    "others": "övriga",
    "{share} attained": "{share} uppfyllt",
    "from its own history": "från dess egen historik",
    "from a benchmark, what others reach": "från en jämförelse, vad andra når",
    "from a commitment": "från ett åtagande",
    "at risk": "i riskzonen",
    "not judged": "inte bedömt",
    "no key KPI serves it": "inget nyckeltal på nyckelnivå",
    "no owner": "ingen ägare",
    "no horizon": "ingen tidsgräns",
    "by {day}": "senast {day}",
    "weight {weight}": "vikt {weight}",
    "all teams": "alla team",
    "planned": "planerat",
    "under way": "pågår",
    "ended": "avslutat",
    "financial": "ekonomi",
    "process": "processer",
    "learning": "lärande och utveckling",
}
