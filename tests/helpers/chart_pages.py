"""The charts of a page: what a browser would draw under each title."""

import html
import json
import re
from collections import Counter

IDS = re.compile(r'\bid="([^"]+)"')
PLOTS = re.compile(r"<figcaption><strong>(.*?)</strong>.*?data-spec=\"([^\"]+)\"", re.DOTALL)
SPECS = re.compile(r'<script type="application/json" id="([^"]+)">(.*?)</script>', re.DOTALL)


def charts_of(page):
    """Return the rows of each chart by its title; of several ids of one name, the first counts."""
    specs = {}
    for name, text in SPECS.findall(page):
        specs.setdefault(html.unescape(name), json.loads(text)["datasets"]["rows"])
    return {html.unescape(title): specs[html.unescape(name)] for title, name in PLOTS.findall(page)}


def repeated_ids(page):
    """Return the ids that several elements of a page have, upper and lower case being the same."""
    found = Counter(name.casefold() for name in IDS.findall(page))
    return [name for name, times in found.items() if times > 1]
