"""The Swedish sentences about a value and its review, by the English ones."""

SENTENCES = {
    "A check held it, and {name} released it; see below.": "En kontroll höll det, och {name} släppte det; se nedan.",
    "All {count} checks that apply passed.": "Alla {count} tillämpliga kontroller godkändes.",
    "The one check that applies passed.": "Den enda tillämpliga kontrollen godkändes.",
    "Can it be trusted?": "Går det att lita på?",
    "Change on a year ago": "Förändring mot ett år sedan",
    "Change on the period before": "Förändring mot perioden före",
    "Change on the same period a year ago": "Förändring mot samma period i fjol",
    "Final: its period was open until {day}. It changes only by a person's decision or a changed"
    " definition.": "Slutligt: dess period var öppen till och med {day}."
    " Det ändras bara genom någons beslut eller en ändrad definition.",
    "In the lines, the target is dashed and a hollow end is a provisional value.": "I linjerna är målet streckat och"
    " en ofylld slutpunkt ett preliminärt värde.",
    "It is based on fewer observations than is reliable.": "Det bygger på färre observationer än vad som är säkert.",
    "It reads personnel data: values of fewer than {count} persons are suppressed.": "Läser personaldata: värden för"
    " färre än {count} personer döljs.",
    "Its review is due since {day}.": "Granskningen skulle ha gjorts {day}.",
    "Nothing is published.": "Inget är publicerat.",
    "Provisional: it may be revised until {day}.": "Preliminärt: kan revideras till och med {day}.",
    "The series breaks here: don't compare it with the period before.": "Brott i serien här: jämför inte med perioden"
    " före.",
    "The value of {period} is suppressed.": "Värdet för {period} är dolt.",
    "{failed} of {count} checks gave a warning; see the checks below.": "{failed} av {count} kontroller gav en varning;"
    " se kontrollerna nedan.",
    "{gap} above the target of {target}.": "{gap} över målet {target}.",
    "{gap} below the target of {target}.": "{gap} under målet {target}.",
    "{name}: {first} to {last}": "{name}: {first} till {last}",
    "{period} is held until someone decides; this is the newest published value.": "{period} hålls tills någon"
    " beslutar; detta är det senast publicerade värdet.",
    "{period} waits for a decision": "{period} väntar på beslut",
    "no data from: {entities}": "inga data från: {entities}",
    "paused: {reason}": "pausat: {reason}",
    "review due since {day}": "granskning skulle ha gjorts {day}",
    "since {day}": "sedan {day}",
    "until {day}": "till {day}",
    "target {value}": "mål {value}",
    "at least {value}": "minst {value}",
    "{lower} to {upper}": "{lower} till {upper}",
    "at most {value}": "högst {value}",
    "Q{quarter} {year}": "kv {quarter} {year}",
    "week {week} {year}": "vecka {week} {year}",
    "Better:": "Bättre:",
    "Worse:": "Sämre:",
    "percentage points": "procentenheter",
    "The next months, quarters and years, eight at most. `kpi calendar` lists all, weeks too.": "De närmaste månaderna,"
    " kvartalen och åren, högst åtta. `kpi calendar` listar alla, även veckor.",
    "{period}: {text}": "{period}: {text}",
    "outlined": "ofyllda",
    "filled": "fyllda",
    "vs period before": "mot perioden före",
    "vs year ago": "mot i fjol",
}
