"""The Swedish sentences about leads and targets from history, by the English ones."""

ANALYSIS = {
    "What moves before what": "Vad som rör sig före vad",
    "{driver} moves before {outcome} by {periods}: when it is higher than usual, {outcome} is higher than usual"
    " {periods} later ({strength}: correlation {correlation} over {count}).": "{driver} rör sig {periods} före"
    " {outcome}: när det är högre än vanligt är {outcome} högre än vanligt {periods} senare ({strength}: korrelation"
    " {correlation} över {count}).",
    "{driver} moves before {outcome} by {periods}: when it is higher than usual, {outcome} is lower than usual"
    " {periods} later ({strength}: correlation {correlation} over {count}).": "{driver} rör sig {periods} före"
    " {outcome}: när det är högre än vanligt är {outcome} lägre än vanligt {periods} senare ({strength}: korrelation"
    " {correlation} över {count}).",
    "very strong": "mycket starkt samband",
    "strong": "starkt samband",
    "moderate": "måttligt samband",
    "weak": "svagt samband",
    "{name} has no closed months, quarters or weeks in common with a driver: leads can't be looked for.": "{name} har"
    " inga stängda månader, kvartal eller veckor gemensamt med något ledande nyckeltal: samband kan inte sökas.",
    "{name} doesn't vary beside season and trend: leads can't be looked for.": "{name} varierar inte utöver säsong och"
    " trend: samband kan inte sökas.",
    "{name} has too few closed periods to look for leads.": "{name} har för få stängda perioder för att söka samband.",
    "None of the {drivers} KPIs that were tried moved before {name} by more than chance.": "Inget av de {drivers}"
    " nyckeltal som prövades rörde sig före {name} mer än slumpmässigt.",
    "None of the {drivers} KPIs that were tried moved before {name} clearly enough, where all KPIs are searched."
    " `kpi leads {kpi_id}` shows weaker ones.": "Inget av de {drivers} nyckeltal som prövades rörde sig före {name}"
    " tillräckligt tydligt, när alla nyckeltal genomsöks. `kpi leads {kpi_id}` visar svagare samband.",
    "{leads} of the {drivers} KPIs that were tried moved before {name}. What moves before needn't cause it.": "{leads}"
    " av de {drivers} nyckeltal som prövades rörde sig före {name}. Det som rör sig före behöver inte vara orsaken.",
    "On average, at most one in ten of the KPIs with such sentences has them by chance.": "I genomsnitt har högst ett"
    " av tio nyckeltal med sådana meningar fått dem av slumpen.",
    "week": "vecka",
    "weeks": "veckor",
    "month": "månad",
    "months": "månader",
    "quarter": "kvartal",
    "quarters": "kvartal",
    "By week": "Per vecka",
    "By month": "Per månad",
    "By quarter": "Per kvartal",
    "with a closed value": "med ett stängt värde",
    "{had}. Season and trend explain them all: nothing is left that a lead could explain.": "{had}. Säsong och trend"
    " förklarar alla: inget är kvar som något före kunde förklara.",
    "{had}. That is too few to look for leads.": "{had}. Det är för få för att söka samband.",
    "{had}; {pairs} of a driver and a lag tried. A correlation must exceed {size} to be told from chance.": "{had};"
    " {pairs} av ledande nyckeltal och fördröjning prövade. En korrelation måste överstiga {size} för att skiljas från"
    " slumpen.",
    "pair": "par",
    "pairs": "par",
    "Left out, as they don't vary beside season and trend: {kpis}.": "Utelämnade, då de inte varierar utöver säsong och"
    " trend: {kpis}.",
    "Correlation of each driver, 1 to 6 months or quarters or 1 to 13 weeks before, with what season, trend and its own"
    " last values leave of the KPI; compared with the strongest correlation of all drivers and lags in simulated noise"
    " of the same memory, so that together they find something false at most 5 times in 100. It says what moves before,"
    " not what causes. It must be found of what is new in the driver, too (both filtered by the driver's own"
    " autoregression).": "Korrelation för varje ledande nyckeltal, 1 till 6 månader eller kvartal eller 1 till 13"
    " veckor före, med det som säsong, trend och de egna senaste värdena lämnar kvar av nyckeltalet; jämförd"
    " med den starkaste korrelationen av alla i simulerat brus med samma minne, så att de tillsammans finner"
    " något falskt högst 5 gånger av 100. Den säger vad som rör sig före, inte vad som är orsaken. Sambandet"
    " måste finnas även för det som är nytt i det ledande nyckeltalet (båda filtrerade med dess egen"
    " autoregression).",
    "No lagging KPI serves {objective} or what it is a part of: there is nothing that it should lead.": "Inget"
    " eftersläpande nyckeltal hör till {objective} eller det som målet är en del av: det finns inget att leda.",
    "In published history it moved before {kpis}. What moves before needn't cause it.": "I publicerad historik rörde"
    " det sig före {kpis}. Det som rör sig före behöver inte vara orsaken.",
    "Published history is too short to say whether it moves before {kpis}.": "Publicerad historik är för kort för att"
    " säga om det rör sig före {kpis}.",
    "It may move before {kpis}: asked of these alone yes, but where all KPIs are searched, it may be chance.": "Det rör"
    " sig kanske före {kpis}: i en sökning för bara dessa ja, men när alla nyckeltal genomsöks kan det vara slump.",
    "In published history it didn't move before {kpis}, though a correlation of {size} would have been seen: does it"
    " still lead?": "I publicerad historik rörde det sig inte före {kpis}, fast en korrelation på {size} skulle ha"
    " synts: är det fortfarande ledande?",
    "Of {count} more, history is too short to say.": "För {count} till är historiken för kort för att säga något.",
}
