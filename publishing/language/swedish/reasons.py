"""The Swedish words of sentences that say why a value moved and what a month brought, by the English ones."""

REASONS = {
    "The two values are of different definition versions: {before} and {after}.": "De två värdena har olika versioner"
    " av definitionen: {before} och {after}.",
    "The series breaks at {period}: don't compare it with earlier periods.": "Serien bryts vid {period}: jämför inte"
    " med tidigare perioder.",
    "{period} is of few observations: {count}.": "{period} bygger på få observationer: {count}.",
    "{period} is provisional until {day}.": "{period} är preliminärt till {day}.",
    "A newer value of {period} is held: {finding}": "Ett nyare värde för {period} hålls tillbaka: {finding}",
    "{period} was published with a warning: {finding}": "{period} publicerades med en varning: {finding}",
    "Later events still count for {period}, until {day}: its value will change.": "Senare händelser räknas ännu för"
    " {period}, till {day}: värdet kommer att ändras.",
    "has no data: the company doesn't supply {entities}": "saknar data: företaget levererar inte {entities}",
    "has no published value; {count} of its periods are held": "har inget publicerat värde; {count} av dess perioder"
    " hålls tillbaka",
    "is held until someone decides: {reason}": "hålls tillbaka tills någon beslutar: {reason}",
    "lies before its feeds' data, which begin on {day}": "ligger före dess data, som börjar {day}",
    "lies after its feeds' data, which end on {day}": "ligger efter dess data, som slutar {day}",
    "has no published value for {segment} {member}": "har inget publicerat värde för {segment} {member}",
    "isn't published: it had not ended when the newest release was made": "är inte publicerat: perioden var inte slut"
    " när den senaste publiceringen gjordes",
    "isn't published: it was not judged yet": "är inte publicerat: värdet har inte granskats än",
    "has no published value to compare with": "har inget publicerat värde att jämföra med",
    "had no week 53 in {year}": "hade ingen vecka 53 år {year}",
    "{name} was {now} in {period}, as in {earlier}.": "{name} var {now} för {period}, som för {earlier}.",
    "{name} was {now} in {period}: {size} more than in {earlier}, {then}.": "{name} var {now} för {period}: {size} mer"
    " än för {earlier}, {then}.",
    "{name} was {now} in {period}: {size} less than in {earlier}, {then}.": "{name} var {now} för {period}: {size}"
    " mindre än för {earlier}, {then}.",
    "It reaches the target of {target}, by {gap}.": "Målet {target} nås, med {gap}.",
    "It is within the target of {target}.": "Det ligger inom målet {target}.",
    "It misses the target of {target} by {gap}.": "Målet {target} missas med {gap}.",
    "It is {gap} from the target of {target}.": "Det är {gap} från målet {target}.",
    "It last reached it in {period}, by {gap}; since then it has changed by {change}.": "Senast nåddes det för"
    " {period}, med {gap}; sedan dess är förändringen {change}.",
    "In {period} it missed it by {gap}; since then it has changed by {change}.": "För {period} missades det med {gap};"
    " sedan dess är förändringen {change}.",
    "The target itself was changed from {before} to {now}.": "Själva målet ändrades från {before} till {now}.",
    "{part} ({before} → {after}) {added}": "{part} ({before} → {after}) {added}",
    "Of this change: {parts}.": "Av förändringen: {parts}.",
    "By {segment}: {members}.": "Per {segment}: {members}.",
    "By {segment}: what each member adds isn't told, as {count} of the values are suppressed.": "Per {segment}: vad"
    " varje medlem bidrar med sägs inte, eftersom {count} av värdena är dolda.",
    "{count} others together {added}": "{count} andra tillsammans {added}",
    "one other {added}": "en annan {added}",
    "Most through {part}, by {segment}: {member}.": "Mest genom {part}, per {segment}: {member}.",
    "{own} by its own value, {share} by its share": "{own} genom sitt eget värde, {share} genom sin andel",
    "Why it moved": "Varför det ändrades",
    "What is added makes up the change. It doesn't say what people or markets did.": "Det som läggs till utgör"
    " förändringen. Det säger inte vad människor eller marknader gjorde.",
    "usual": "vanlig",
    "A change marked usual is within the KPI's usual variation, as nineteen of twenty of its changes are. One of more"
    " than 100 % says nothing, and is shown as a dash.": "En förändring märkt vanlig ligger inom nyckeltalets vanliga"
    " variation, som nitton av tjugo av dess förändringar; den är ett streck där den är mer än 100 %, vilket"
    " inget säger.",
}
REPORT = {
    "The month: {period}": "Månaden: {period}",
    "Report of {period}": "Rapport för {period}",
    "The month in at most ten points; of the missed targets the widest miss first.": "Månaden i högst tio punkter; av"
    " de missade målen det som missas mest först.",
    "From the values of release {number} of {day}.": "Enligt värdena i publicering {number}, {day}.",
    "From the values of release {number} of {day}. A change is unusual where it lies outside the range of nineteen of"
    " twenty of the KPI's changes. Missed targets are in the order of how much of the target is missed, those"
    " at risk last.": "Enligt"
    " värdena i publicering {number}, {day}. En förändring är ovanlig om den ligger utanför det område där nitton av"
    " tjugo av nyckeltalets förändringar ligger. Missade mål står i ordning efter hur stor del av målet som missas, de"
    " i riskzonen sist.",
    "Targets of periods that ended with {month}: {counts}": "Mål för perioder som slutade med {month}: {counts}",
    "{reached} reached, {risk} at risk, {off} off target.": "{reached} nådda, {risk} i riskzonen, {off} utanför målet.",
    "It is at risk.": "Det är i riskzonen.",
    "{count} more changed unusually: {kpis}.": "{count} till ändrades ovanligt: {kpis}.",
    "`kpi why KPI PERIOD` shows the figures behind a sentence.": "`kpi why KPI PERIOD`"
    " visar siffrorna bakom en mening.",
    "{kpi} misses its target: {value} in {period}, {gap} above the target of {goal}.": "{kpi} missar målet: {value} för"
    " {period}, {gap} över målet {goal}.",
    "{kpi} misses its target: {value} in {period}, {gap} below the target of {goal}.": "{kpi} missar målet: {value} för"
    " {period}, {gap} under målet {goal}.",
    "It has missed it since {since}.": "Det har missats sedan {since}.",
    "{period} or earlier": "{period} eller tidigare",
    "Since {since} it has come nearer to it by {change}.": "Sedan {since} har det kommit {change} närmare.",
    "Since {since} it has changed by {change}.": "Sedan {since} är förändringen {change}.",
    "of its two parts, {part} and {other}": "av dess två delar {part} och {other}",
    "by {segment}, {member} {added}": "per {segment} {member} {added}",
    "{count} more miss their target, by less, or are at risk: {kpis}.": "{count} till missar sitt mål, med mindre,"
    " eller är i riskzonen: {kpis}.",
    "{count} more miss their target, by less: {kpis}.": "{count} till missar sitt mål, med mindre: {kpis}.",
    "{kpi} changed unusually: {value} in {period}, {change} on a year ago{tone}.": "{kpi} ändrades"
    " ovanligt: {value} för {period}, {change} mot ett år tidigare{tone}.",
    "{kpi} changed unusually: {value} in {period}, {change} on the period before{tone}.": "{kpi} ändrades"
    " ovanligt: {value} för {period}, {change} mot perioden före{tone}.",
    "What adds most: {cause}.": "Mest bidrar: {cause}.",
    "{totals} revised since {day}; most of all {kpi}, {period}, from {before} to {now} ({reason}).": "{totals}"
    " reviderats sedan {day}; mest av alla {kpi}, {period}, från {before} till {now} ({reason}).",
    "{incidents} for a decision, the oldest since {day}; newer values aren't published of: {kpis}.": "{incidents} på"
    " beslut, den äldsta sedan {day}; nyare värden publiceras inte av: {kpis}.",
    "total was": "total har",
    "totals were": "totaler har",
    "incident waits": "händelse väntar",
    "incidents wait": "händelser väntar",
    "Others that shifted: {kpis}.": "Andra som ändrat läge: {kpis}.",
    "{reviews}: {kpis}.": "{reviews}: {kpis}.",
    "review is due": "granskning är att göra",
    "reviews are due": "granskningar är att göra",
    "{period} closes first in {domains}, on {day}.": "{period} stängs först i {domains}, den {day}.",
    "A quiet month: no target was missed, nothing changed unusually, and nothing was revised.": "En"
    " lugn månad: inget mål missades, inget ändrades ovanligt, och inget reviderades.",
}
PARTS = {
    "ad cost": "mediekostnad",
    "ad clicks": "klick",
    "ad impressions": "visningar",
    "ad conversion value": "konverteringsvärde",
    "absence days": "frånvarodagar",
    "average headcount": "medelantal anställda",
    "average stock value 12 months": "medellagervärde 12 månader",
    "buyers": "köpare",
    "committed points": "utlovade poäng",
    "committed points done": "utlovade poäng som blev klara",
    "contracted days": "avtalade dagar",
    "cost of goods": "varukostnad",
    "cost of goods 12 months": "varukostnad 12 månader",
    "cycle days": "ledtidsdagar",
    "denominator": "nämnare",
    "deployments": "driftsättningar",
    "failed deployments": "misslyckade driftsättningar",
    "fulfilment cost": "leveranskostnad",
    "good probes": "godkända mätningar",
    "gross revenue": "bruttoförsäljning",
    "incidents resolved": "lösta ärenden",
    "favourable answers": "positiva svar",
    "goal score": "målpoäng",
    "goal weight": "målvikter",
    "ideas accepted": "antagna idéer",
    "ideas launched": "lanserade idéer",
    "leavers": "personer som slutat",
    "leads": "leads",
    "lost time injuries": "olyckor med frånvaro",
    "managers": "chefer",
    "promoters minus detractors": "ambassadörer minus kritiker",
    "recommendation answers": "svar",
    "recordable injuries": "registrerade olyckor",
    "training hours": "utbildningstimmar",
    "average fte": "medelantal heltidstjänster",
    "voluntary leavers": "personer som slutat frivilligt",
    "women managers": "kvinnliga chefer",
    "days to fill": "dagar till tillsättning",
    "positions filled": "tillsatta tjänster",
    "daily product users": "dagliga användare",
    "energy use": "energianvändning",
    "gross profit": "bruttovinst",
    "kept recurring revenue": "behållna återkommande intäkter",
    "closing recurring revenue": "utgående återkommande intäkter",
    "opening recurring revenue": "ingående återkommande intäkter",
    "kept subscribers": "behållna abonnenter",
    "lost subscribers": "förlorade abonnenter",
    "million hours worked": "miljoner arbetade timmar",
    "net revenue": "nettoomsättning",
    "net revenue 1 year ago": "nettoomsättning ett år tidigare",
    "net revenue millions": "nettoomsättning i miljoner",
    "new product revenue": "omsättning av nya produkter",
    "numerator": "täljare",
    "opening subscribers": "ingående abonnenter",
    "operating costs": "rörelsekostnader",
    "order amount": "orderbelopp",
    "orders delivered": "levererade order",
    "orders fulfilled": "utförda leveranser",
    "orders on time": "order i tid",
    "orders placed": "lagda order",
    "product adopters": "användare av kärnfunktionen",
    "product users": "användare",
    "qualified leads": "kvalificerade leads",
    "repeat buyers": "återkommande köpare",
    "research development cost": "kostnad för forskning och utveckling",
    "resolution hours": "lösningstimmar",
    "returned amount": "returnerat belopp",
    "satisfied answers": "nöjda svar",
    "stockouts": "lagersaldon på noll",
    "survey answers": "svar",
    "valid probes": "giltiga mätningar",
    "web bounces": "studsar",
    "web conversions": "besök med köp",
    "web engaged sessions": "engagerade besök",
    "web sessions": "besök",
}
