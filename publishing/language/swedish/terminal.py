"""The Swedish words of the terminal's reports on objectives, reviews, leads, shifts and targets."""

TERMINAL = {
    "There is nothing to compare:": "Det finns inget att jämföra:",
    "part": "del",
    "before": "före",
    "after": "efter",
    "adds": "bidrar",
    "by its own value": "genom eget värde",
    "by its share": "genom sin andel",
    "By {segment}: {note}.": "Per {segment}: {note}.",
    "nothing is published": "inget är publicerat",
    "what each member adds is unknown, as the published members don't add up to the total": "vad varje medlem"
    " bidrar med är okänt, eftersom de publicerade medlemmarna inte summerar till totalen",
    "moves before": "rör sig före",
    "by": "med",
    "correlation": "korrelation",
    "periods": "perioder",
    "chance": "slump",
    "chance: how often nothing at all would show one as strong.": "slump: hur ofta inget alls skulle visa ett lika"
    " starkt samband.",
    "Too few periods in common with: {kpis}.": "För få gemensamma perioder med: {kpis}.",
    "pair of KPIs": "par av nyckeltal",
    "pairs of KPIs": "par av nyckeltal",
    "Nothing has shifted in the last year: {kpis} and {pairs} searched.": "Inget har ändrat läge det senaste året:"
    " {kpis} och {pairs} genomsökta.",
    "Searched: {kpis} and {pairs}.": "Genomsökta: {kpis} och {pairs}.",
    "Too few closed periods of: {kpis}.": "För få stängda perioder av: {kpis}.",
    "No decision, incident or break of the series is known at that time.": "Inget beslut, ingen händelse och inget"
    " brott i serien är känt vid den tiden.",
    "Each KPI's closed periods, less season, trend, steps of earlier years and the memory of their noise, are"
    " searched for a step or a bend in the last year that has lasted three periods; and so is each pair of KPIs that"
    " move together, for a step that the other doesn't share. Corrected (Holm) for all that is searched: of a"
    " catalogue in which nothing shifted, anything is told at most 5 times in 100.": "Varje nyckeltals stängda"
    " perioder genomsöks, utan säsong, trend, tidigare års nivåskiften och brusets minne, efter ett nivåskifte"
    " eller en böjning det senaste året som varat tre perioder; likaså varje par av nyckeltal som följs åt, efter"
    " ett skifte som det andra inte delar. Korrigerat (Holm) för allt som genomsöks: om inget har ändrats sägs"
    " något högst 5 gånger av 100.",
    "No target is suggested.": "Inget mål föreslås.",
    "{name} has the direction {direction}: no value is a better one.": "{name} har riktningen {direction}: inget"
    " värde är bättre än ett annat.",
    "{name} is retired since {day}.": "{name} är avvecklat sedan {day}.",
    "{name} has no {periods} with a published value.": "{name} har inga {periods} med ett publicerat värde.",
    "{name} was {value} in every closed period: its history says nothing of other values.": "{name} var {value} i"
    " varje stängd period: historiken säger inget om andra värden.",
    "{name} has {periods} with a published value; a target needs {needed} of them, and more where season and gaps"
    " take too many.": "{name} har {periods} med ett publicerat värde; ett mål behöver {needed}, och fler där"
    " säsong och luckor tar för många.",
    "closed week": "stängd vecka",
    "closed weeks": "stängda veckor",
    "closed month": "stängd månad",
    "closed months": "stängda månader",
    "closed quarter": "stängt kvartal",
    "closed quarters": "stängda kvartal",
    "closed year": "stängt år",
    "closed years": "stängda år",
    "closed period": "stängd period",
    "closed periods": "stängda perioder",
    "years": "år",
    "If things go on as in the {count} {periods} to {last}, {name} will be about {likely} in the coming year:"
    " {first} to {most} from a cautious to an ambitious target.": "Om det fortsätter som i de {count} {periods}"
    " till och med {last} blir {name} omkring {likely} det kommande året: {first} till {most} från ett försiktigt"
    " till ett ambitiöst mål.",
    "If things go on as in the {count} {periods} to {last}, {name} will be"
    " from {likely} in half of the coming year's {periods}. Where it"
    " should be, its history can't say: a band is what is wanted, not what"
    " is usual.": "Om det fortsätter som i de {count} {periods} till och med {last} blir {name} från {likely} i"
    " hälften av det kommande årets {periods}. Var det bör ligga kan historiken inte säga: ett band är det man"
    " vill ha, inte det vanliga.",
    "{name} has a season: one value for all {periods} misleads. State one"
    " for each as by_period.": "{name} har en säsong: ett värde för alla {periods} vilseleder. Ange ett för varje"
    " som by_period.",
    "{name} has targets of single periods: one value for all {periods}"
    " misleads. State one for each as by_period.": "{name} har mål för enskilda perioder: ett värde för alla"
    " {periods} vilseleder. Ange ett för varje som by_period.",
    "{name} is served by {others}: {reached} on target, {missed} off target. Which value of a KPI the objective"
    " needs isn't stated anywhere, so the suggestions don't take it into account.": "Till {name} hör {others}:"
    " {reached} på målet, {missed} utanför målet. Vilket värde av ett nyckeltal som verksamhetsmålet kräver står"
    " ingenstans, så förslagen tar inte hänsyn till det.",
    "other KPI": "annat nyckeltal",
    "other KPIs": "andra nyckeltal",
    "4,000 courses of the coming year are simulated from level (since its last step), trend, season (where there is"
    " one), memory and noise of the closed periods, with the uncertainty of each. A cautious target is met in three"
    " of four of their periods, a likely one in half, an ambitious one in one of four. They say what happens if"
    " things go on, not what can be done.": "4 000 förlopp av det kommande året simuleras från nivå (sedan senaste"
    " nivåskiftet), trend, säsong (där det finns en), minne och brus i de stängda perioderna, med osäkerheten i"
    " var och en. Ett försiktigt mål nås i tre av fyra av deras perioder, ett troligt i hälften, ett ambitiöst i"
    " en av fyra. De säger vad som händer om det fortsätter, inte vad som kan göras.",
    "Its level stepped in {steps}.": "Nivån skiftade {steps}.",
    "History: {periods} from {first} to {last} with a value{gaps}.": "Historik: {periods} från {first} till {last}"
    " med ett värde{gaps}.",
    "The series breaks at {periods}.": "Brott i serien vid {periods}.",
    "To adopt the {name} one, paste:": "För att införa det {name} målet, klistra in:",
    "To adopt the {name} one, paste into its target, and keep the lines {lines}:": "För att införa det {name}"
    " målet, klistra in i dess mål, och behåll raderna {lines}:",
    "cautious": "försiktiga",
    "likely": "troliga",
    "ambitious": "ambitiösa",
    "present": "nuvarande",
    "{met} of {count}": "{met} av {count}",
    "met in last {count}": "nått av senaste {count}",
    "target": "mål",
    "value": "värde",
    "coming year": "kommande år",
    "coming year: the share of its periods that meet it, if things go on.": "kommande år: andelen av dess perioder"
    " som når målet, om det fortsätter.",
    "present: counted by the target that each period had.": "nuvarande: räknat efter det mål som varje period hade.",
    "with a season": "med en säsong",
    "without a season that can be told from noise": "utan en säsong som kan skiljas från brus",
    "Its trend can't be told from none; {season}.": "Någon trend kan inte skiljas från ingen; {season}.",
    "Its trend is {size} a year; {season}.": "Trenden är {size} om året; {season}.",
    "✓ on target, ~ at risk, ✗ off target, · not judged, for the reason given.": "✓ på målet, ~ i riskzonen, ✗"
    " utanför målet, · inte bedömt, av angivet skäl.",
    "Attainment is the mean over an objective's key KPIs (on target 1, at risk 0.5, off target 0; each weighs 1) and"
    " over the objectives that are a part of it, with their weights. What isn't judged is left out. Supporting KPIs"
    " don't count.": "Uppfyllelsen är medelvärdet av verksamhetsmålets nyckeltal på nyckelnivå (på målet 1, i"
    " riskzonen 0,5, utanför målet 0; vart och ett väger 1) och av dess delmål, med deras vikter. Det som inte"
    " bedöms räknas inte med. Stödjande nyckeltal räknas inte.",
    "{share} a year ago": "{share} för ett år sedan",
    "{value} in {period}": "{value} för {period}",
    "Initiative": "Initiativ",
    "to move {kpi}": "för att påverka {kpi}",
    "{since} to {until}": "{since} till {until}",
    "{share} of the objective's goals": "{share} av verksamhetsmålets teammål",
    "{team} for {kpi}": "{team} för {kpi}",
    "means": "betyder",
    "formula": "formel",
    "serves": "hör till",
    "unit {unit}, direction {direction}": "enhet {unit}, riktning {direction}",
    "fraction": "andel",
    "currency": "valuta",
    "count": "antal",
    "up": "upp",
    "down": "ned",
    "band": "band",
    "none": "ingen",
    "none: {reason}": "inget: {reason}",
    "at risk within {tolerance} of it": "i riskzonen inom {tolerance} från det",
    "initiatives": "initiativ",
    "on {day}: {reason}": "den {day}: {reason}",
    "{kpi}, retired on {day}; its history stays published": "{kpi}, avvecklat den {day}; historiken förblir publicerad",
    "replaces": "ersätter",
    "reviewed": "granskat",
    "reviewed every month": "granskas varje månad",
    "reviewed every quarter": "granskas varje kvartal",
    "never": "aldrig",
    "today": "i dag",
    "day": "dag",
    "{days} ago": "för {days} sedan",
    "{days} overdue": "{days} försenad",
    "in {days}": "om {days}",
    "by {name}": "av {name}",
    "never compared with a target": "aldrig jämfört med ett mål",
    "{met_in_year} of {compared_in_year} periods in the past year; {met}"
    " of {compared} in all": "{met_in_year} av {compared_in_year} perioder det senaste året; {met} av {compared}"
    " totalt",
    "revised": "reviderat",
    "no total in the past year": "ingen total det senaste året",
    "total": "total",
    "totals": "totaler",
    "{totals} in the past year, {after} of them after closing": "{totals} det senaste året, {after} av dem efter"
    " stängning",
    "relevance": "relevans",
    "incidents": "händelser",
    "decisions": "beslut",
    "votes": "röster",
    "none in the past year": "inga det senaste året",
    "{what} by {name} on {day}": "{what} av {name} den {day}",
    "{in_favour} for and {against} against {question}": "{in_favour} för och {against} emot {question}",
    "retiring it": "att avveckla det",
    "recorded, not authenticated": "antecknat, inte styrkt",
    "for": "för",
    "against": "emot",
    "Record the review:": "Anteckna granskningen:",
    "No review is due. The next ones:": "Ingen granskning är att göra. De nästa:",
    "Reviews, the soonest due first": "Granskningar, de som först är att göra först",
    "A KPI without a review is due a month or quarter after its first publication. `kpi review KPI` shows what to"
    " look at.": "Ett nyckeltal utan granskning är att granska en månad eller ett kvartal efter sin första"
    " publicering. `kpi review KPI` visar vad man ser på.",
    "due on": "att göra",
    "owner": "ägare",
    "last review": "senaste granskning",
    "period": "period",
    "status": "status",
    "The past {count} {periods}:": "Senaste {count} {periods}:",
    "its target was met in all of the past {periods}": "målet nåddes i alla de senaste {periods}",
    "its target was met in none of the past {periods}": "målet nåddes i ingen av de senaste {periods}",
    "its value was the same in all of the past {periods}": "värdet var detsamma i alla de senaste {periods}",
}
