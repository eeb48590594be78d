"""What axe-core (Deque Systems), the usual checker of accessibility, finds on a page as it is shown at this moment."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def findings(page: Page) -> list[str]:
    """Return one line a finding: the rule, how bad it is, the element, and what is wrong with it."""
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]}: {' '.join(node['failureSummary'].split())[:200]}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]
