"""The names of what a report consists of, and the places that a run's end fills."""

PAGE_FILE = "report.html"
DATA_PAGE_FILE = "data.html"
PICTURE_FILE = "detections.png"
# In the page: only the end of a run knows its links and how long it took.
LINKS_MARK = "<!-- links of the run -->"
FACTS_MARK = "<!-- facts of the run -->"
