"""The Swedish sentences about what checks found and why a value was revised, by the English ones that are stored.

What stands in braces is read as its name says (`publishing/language/findings.py`). A sentence may hold others.
"""

FINDINGS = {
    # why there is no more to say
    "could not be evaluated": "kunde inte prövas",
    "figures of a protected KPI stay in the warehouse": "siffror för ett skyddat nyckeltal stannar i datalagret",
    "fails; figures of a protected KPI stay in the warehouse": "inte godkänd; siffror för ett skyddat nyckeltal stannar"
    " i datalagret",  # of earlier versions
    "off: {reason}": "avstängd: {reason}",
    # around other sentences
    "feed {word}: {found}": "dataflöde {word}: {found}",
    "feed {word}, column {column}: {found}": "dataflöde {word}, kolumn {column}: {found}",
    "{found}, in {month}": "{found}, i {month}",
    # computation
    "{number} values outside {low} to {high}: {segment} {member} = {value}": "{number} värden utanför {low} till"
    " {high}: {segment} {member} = {value}",
    "{number} values outside {low} to {high}": "{number} värden utanför {low} till {high}",
    "no lower bound": "ingen undre gräns",
    "no upper bound": "ingen övre gräns",
    "no build of it is recorded": "ingen beräkning av det är noterad",
    "its newest build is not good: {reason}": "dess senaste beräkning duger inte: {reason}",
    "its newest build is not good": "dess senaste beräkning duger inte",
    "newer data came from {feeds}": "nyare data kom från {feeds}",
    "{word} was not built": "{word} beräknades inte",
    "it was never built with all its models": "det har aldrig beräknats med alla sina modeller",
    "{number} models upstream were not built again": "{number} underliggande modeller beräknades inte på nytt",
    "{number} day": "{number} dag",
    "{number} days": "{number} dagar",
    "{number} week": "{number} vecka",
    "{number} weeks": "{number} veckor",
    "{number} month": "{number} månad",
    "{number} months": "{number} månader",
    "{number} year": "{number} år",
    "{number} years": "{number} år",
    "the build has no rows for this period": "beräkningen har inga rader för perioden",
    "the build has not exactly one total": "beräkningen har inte exakt en total",
    "rows are of an older build": "rader är av en äldre beräkning",
    "rows were computed by another definition than the catalogue has": "rader är beräknade med en annan definition än"
    " den i katalogen",
    "rows have other period bounds": "rader har andra periodgränser",
    "rows lack their segment or member": "rader saknar segment eller medlem",
    "a segment member occurs twice": "en segmentmedlem förekommer två gånger",
    "no feed of it is known": "inget dataflöde till det är känt",
    "feed {word} was never ingested": "dataflöde {word} har aldrig lästs in",
    "feed {word} has deliveries that could not be ingested: {files}": "dataflöde {word} har leveranser som inte kunde"
    " läsas in: {files}",
    "feed {word} has deliveries that could not be ingested": "dataflöde {word} har leveranser som inte kunde läsas in",
    "they may hold rows of any day from {day} on: {files}": "de kan ha rader från alla dagar från och med {day}:"
    " {files}",
    "they may hold rows of any day from {day} on": "de kan ha rader från alla dagar från och med {day}",
    "feed {word} has no data": "dataflöde {word} saknar data",
    "feed {word} begins {start}, the period starts {day}": "dataflöde {word} börjar {start}, perioden {day}",
    "at an unknown day": "en okänd dag",
    "feed {word} lacks history: the KPI looks back {span}": "dataflöde {word} saknar historik: nyckeltalet ser tillbaka"
    " {span}",
    "feed {word} reaches {day}, the period ends {day2}": "dataflöde {word} når till {day}, perioden slutar {day2}",
    "feed {word} reaches {day}, the period needs data until {day2}": "dataflöde {word} når till {day}, perioden behöver"
    " data till och med {day2}",
    "doesn't hold: {identity} ({number} and {number2})": "stämmer inte: {identity} ({number} och {number2})",
    "{identity} ({number} and {number2})": "{identity} ({number} och {number2})",
    "the total has no value": "totalen saknar värde",
    "rows lack a value: {members}": "rader saknar värde: {members}",
    "differs from the total: {segments}": "skiljer sig från totalen: {segments}",
    "differs from its segments: {segments}": "skiljer sig från sina segment: {segments}",
    "is {number}, its months make {number2}": "är {number}, dess månader ger {number2}",
    # rows
    "{share} of the rows could not be read": "{share} av raderna kunde inte läsas",
    "{share} of the rows equal another row": "{share} av raderna är lika en annan rad",
    "{share} of the rows are dated after their delivery": "{share} av raderna är daterade efter sin leverans",
    "{share} of the rows are missing, as their numbers are skipped": "{share} av raderna saknas, då deras nummer är"
    " överhoppade",
    "{share} of the rows are missing, on days that usually have more": "{share} av raderna saknas, på dagar som brukar"
    " ha fler",
    "{share} of the rows are of days that repeat an earlier day": "{share} av raderna är från dagar som upprepar en"
    " tidigare dag",
    "{share} of the values are missing, beyond the usual {share2}": "{share} av värdena saknas, utöver de vanliga"
    " {share2}",
    "{share} of the values are filled in that are usually missing: {share2} or more were": "{share} av värdena är"
    " ifyllda som brukar saknas: {share2} eller mer saknades",
    "{share} of the keys match no earlier row of feed {word}, beyond the usual {share2}": "{share} av nycklarna har"
    " ingen tidigare rad i dataflöde {word}, utöver de vanliga {share2}",
    # values
    "{share} of the {counted} of {extent} differs from the most similar past {grain}: {there}, among rows with {member}"
    " of {column}": "{share} av {counted} för {extent} avviker från den mest lika tidigare {grain}: {there}, bland"
    " rader med {member} i {column}",
    "{share} of the {counted} of {extent} differs from the most similar past {grain}: {there}": "{share} av {counted}"
    " för {extent} avviker från den mest lika tidigare {grain}: {there}",
    "in the week of {day}, {there}": "i veckan från {day}: {there}",
    "{member} make up {share}, and were {share2} there": "{member} utgör {share}, och var {share2} där",
    "rows": "raderna",
    "sum": "summan",
    "the month": "månaden",
    "whole weeks": "hela veckor",
    "month": "månaden",
    "week": "veckan",
    "one member": "en medlem",
    "text like '{text}'": "text som ”{text}”",
    "times at {hour} o'clock": "tider kl. {hour}",
    "numbers of about {number}": "tal på omkring {number}",
    "zero": "noll",
    "no value": "inget värde",
    "any value": "något värde",
    # result
    "its numerator: {found}": "dess täljare: {found}",
    "the sum of its points: {found}": "summan av dess poäng: {found}",
    "its denominator: {found}": "dess nämnare: {found}",
    "its number of observations: {found}": "dess antal observationer: {found}",
    "{number} to {number2} was expected": "{number} till {number2} väntades",
    "it is {change} and {change2}": "det är {change} och {change2}",
    "it is {change}": "det är {change}",
    "{share} on the period before": "{share} mot perioden före",
    "{share} on the last one that counts": "{share} mot den senaste som räknas",
    "{share} on a year ago": "{share} mot för ett år sedan",
    "{segment} {member} has {share} where {share2} is usual": "{segment} {member} har {share} där {share2} är vanligt",
    "of a new member": "för en ny medlem",
    "these values of the same days are held: {periods}": "dessa värden för samma dagar hålls: {periods}",
    "it is a part of {periods}, which is held": "det är en del av {periods}, som hålls",
    "{code} and {code2}": "{code} och {code2}",
    "most of it is held: {periods}": "det mesta av det hålls: {periods}",
    "{number} of the {number2} periods of the year before now have other values than were published": "{number} av de"
    " {number2} perioderna i året före har nu andra värden än de publicerade",
    # what a release compares
    "the period closed on {day}": "perioden stängdes {day}",
    "{change}, though neither its definition nor any row upstream is newer": "{change}, fast varken definitionen eller"
    " någon underliggande rad är nyare",
    "its value changed": "dess värde ändrades",
    "the rows behind its value changed": "raderna bakom värdet ändrades",
    "its value changed ({segment} {member}: {was} → {now})": "dess värde ändrades ({segment} {member}: {was} → {now})",
    "its value changed ({was} → {now})": "dess värde ändrades ({was} → {now})",
    "none": "inget",
    "its published parts would not add up to it: {periods} would stay as published": "dess publicerade delar skulle"
    " inte summera till det: {periods} skulle förbli som publicerat",
    "its published parts would not add up to it": "dess publicerade delar skulle inte summera till det",
    "it is a part of the {measure} of {code}, which would stay as published": "det är en del av {measure} för {code},"
    " som skulle förbli som publicerat",
    "value": "värdet",
    "year to date": "summan hittills i år",
    "rolling 12 months": "summan av tolv månader",
    "it is computed from {periods}, whose changed value is held": "det beräknas av {periods}, vars ändrade värde hålls",
    "it is computed from {periods}, which isn't published": "det beräknas av {periods}, som inte är publicerat",
    "{periods} and {number} more": "{periods} och {number} till",
    "definition {word} has the version of the one before it": "definition {word} har samma version som den före",
    "computed from the same rows, {number} of {number2} periods differ ({example}). Restore the definition before it,"
    " or raise definition_version": "beräknat av samma rader skiljer sig {number} av {number2} perioder ({example})."
    " Återställ definitionen före, eller höj definition_version",
    "computed from the same rows, {number} of {number2} periods differ. Restore the definition before it, or raise"
    " definition_version": "beräknat av samma rader skiljer sig {number} av {number2} perioder. Återställ definitionen"
    " före, eller höj definition_version",
    "definition {word} has the version of the one before it, but could not be compared with the one before it on the"
    " same rows. Run once with the definition before it and then with this one, or raise"
    " definition_version": "definition {word} har samma version som den före, men kunde inte jämföras med den på samma"
    " rader. Kör en gång med definitionen före och sedan med denna, eller höj definition_version",
    # why a value was revised
    "definition version {number} became {number2}, same value": "definitionens version {number} blev {number2}, samma"
    " värde",
    "definition version {number} became {number2}": "definitionens version {number} blev {number2}",
    "newer rows were delivered": "nyare rader levererades",
    "recomputed": "räknat på nytt",
}
