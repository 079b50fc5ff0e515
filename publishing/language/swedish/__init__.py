"""The Swedish words, by the English ones: a module for each subject. A text in braces stands for a value."""

from publishing.language.swedish.analysis import ANALYSIS
from publishing.language.swedish.checks import CHECKS
from publishing.language.swedish.pages import PAGES
from publishing.language.swedish.reasons import PARTS, REASONS, REPORT
from publishing.language.swedish.sentences import SENTENCES
from publishing.language.swedish.shifts import SHIFTS
from publishing.language.swedish.strategy import STRATEGY
from publishing.language.swedish.terminal import TERMINAL
from publishing.language.swedish.words import WORDS
from publishing.language.swedish.workbook import WORKBOOK

SWEDISH = (
    TERMINAL | PAGES | SENTENCES | WORDS | STRATEGY | REASONS | REPORT | PARTS | SHIFTS | WORKBOOK | CHECKS | ANALYSIS
)
