"""The Swedish words of the gate's checks, by the English ones: what passes, and what is wrong where one fails."""

CHECKS = {
    # what is wrong
    "a value is outside its bounds": "ett värde ligger utanför sina gränser",
    "its values could not be computed": "dess värden kunde inte beräknas",
    "its data is not complete yet": "dess data är inte kompletta än",
    "it contradicts another KPI": "det motsäger ett annat nyckeltal",
    "a value is missing": "ett värde saknas",
    "its parts don't add up to the total": "delarna summerar inte till totalen",
    "rows were delivered twice": "rader levererades två gånger",
    "more or fewer values are missing than usual": "fler eller färre värden än vanligt saknas",
    "rows could not be read": "rader kunde inte läsas",
    "numbers are skipped, so that rows are missing": "nummer är överhoppade, så att rader saknas",
    "a day's rows repeat an earlier day's": "en dags rader upprepar en tidigare dags",
    "rows are missing": "rader saknas",
    "keys have no match in another feed": "nycklar har ingen motsvarighet i ett annat dataflöde",
    "values are unlike those of the past year": "värdena liknar inte det senaste årets",
    "a value computed from the same days is held for a fault of its data": "ett värde som beräknas av samma dagar hålls"
    " för ett fel i sina data",
    "the value is far outside the range expected from its past": "värdet ligger långt utanför det intervall som dess"
    " historik ger skäl att vänta",
    "a longer period that contains it is held, or shorter ones that make up most of it are": "en längre period som"
    " innehåller den hålls, eller kortare som utgör det mesta av den",
    "its past now has other values than were published": "dess historik har nu andra värden än de publicerade",
    "a segment's share is far from the usual one": "ett segments andel avviker mycket från den vanliga",
    "the value of a closed period changed": "värdet för en stängd period ändrades",
    "the value changed although no newer data came": "värdet ändrades fast inga nyare data kom",
    "the definition changed, and it is not proved that its values stay the same": "definitionen ändrades, och det är"
    " inte visat att värdena förblir desamma",
    "the earlier values that it is computed from differ from the published ones": "de tidigare värden som det beräknas"
    " av skiljer sig från de publicerade",
    "it would contradict values that stay published": "det skulle motsäga värden som förblir publicerade",
    "Feed {name}": "Dataflöde {name}",
    # when it passes
    "Every value is a number within the bounds of its definition.": "Varje värde är ett tal inom definitionens"
    " gränser.",
    "The newest build computed the period by the definition in force, with exactly one total.": "Den senaste"
    " beräkningen gjordes med gällande definition och gav exakt en total för perioden.",
    "Every feed covers the whole period, and the history that the KPI looks back on.": "Varje dataflöde täcker hela"
    " perioden, och den historik som nyckeltalet ser tillbaka på.",
    "Every identity between this KPI and others holds, such as revenue minus cost is margin.": "Alla samband mellan"
    " nyckeltalet och andra stämmer, till exempel att intäkt minus kostnad är marginal.",
    "No value is missing, except where there is nothing to compute it from.": "Inget värde saknas, utom där det inte"
    " finns något att beräkna det av.",
    "The members of each segment add up to the total, those of a combination to its segments, and months to their"
    " quarter and year.": "Varje segments medlemmar summerar till totalen, en kombinations medlemmar till dess segment,"
    " och månader till sitt kvartal och år.",
    "No more rows than usual are duplicates of another row.": "Inte fler rader än vanligt är dubbletter av en annan"
    " rad.",
    "In every column that the KPI reads, the share of missing values is within the range of the past year.": "I varje"
    " kolumn som nyckeltalet läser ligger andelen värden som saknas inom det senaste årets intervall.",
    "All rows of the feed could be read.": "Alla rader i dataflödet kunde läsas.",
    "Where rows are numbered one after the other, no more numbers than usual are skipped.": "Där rader är numrerade i"
    " följd är inte fler nummer än vanligt överhoppade.",
    "No day repeats an earlier day, unless that is usual for the feed.": "Ingen dag upprepar en tidigare dag, om det"
    " inte är vanligt för dataflödet.",
    "No day has far fewer rows than its weekday usually has.": "Ingen dag har långt färre rader än dess veckodag brukar"
    " ha.",
    "Where the KPI joins feeds, no more keys than usual lack their row in the other feed.": "Där nyckeltalet kopplar"
    " ihop dataflöden saknar inte fler nycklar än vanligt sin rad i det andra flödet.",
    "In every column that the KPI reads, the values are distributed as in some week or month of the past year.": "I"
    " varje kolumn som nyckeltalet läser är värdena fördelade som i någon vecka eller månad det senaste året.",
    "No value that it is computed from, of the same days, is held for a fault of its data.": "Inget värde för samma"
    " dagar som det beräknas av hålls för ett fel i sina data.",
    "The total is within the range expected from its trend and season; the figure is in robust standard deviations.":
        "Totalen ligger inom det intervall som trend och säsong ger skäl att vänta; måttet är robusta"
        " standardavvikelser.",
    "It is no large part of a longer period that is held, and most of it is not held as shorter periods.": "Den är"
    " ingen stor del av en längre period som hålls, och det mesta av den hålls inte som kortare perioder.",
    "The periods of the year before still have the values that were published.": "Det föregående årets perioder har"
    " kvar de värden som publicerades.",
    "Each member of a segment has about its usual share; the figure is in robust standard deviations.": "Varje medlem"
    " av ett segment har ungefär sin vanliga andel; måttet är robusta standardavvikelser.",
    "The value of a closed period doesn't change.": "Värdet för en stängd period ändras inte.",
    "The value of an open period changes only where newer rows came.": "Värdet för en öppen period ändras bara där"
    " nyare rader kom.",
    "A definition that is recorded as a refactoring gives the same values.": "En definition som är antecknad som"
    " omskriven ger samma värden.",
    "Months, quarter and year don't contradict each other.": "Månader, kvartal och år motsäger inte varandra.",
    "No earlier period that the KPI looks back on has a changed value that is held.": "Ingen tidigare period som"
    " nyckeltalet ser tillbaka på har ett ändrat värde som hålls.",
}  # fmt: skip
