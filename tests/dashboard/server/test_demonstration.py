"""Made-up votes stay apart from real ones, and every page says what they are."""

import asyncio
from pathlib import Path

from dashboard.params import DashboardParams
from dashboard.server.demonstration import BATTLES, demonstration_settings, make_up_votes
from dashboard.server.services import Services, open_services
from dashboard.server.shell import Shell


def test_made_up_votes_fill_a_store_of_their_own_and_are_said_to_be(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    real = f"sqlite:///{tmp_path / 'real.sqlite'}"
    params.write_text(f"dashboard:\n  find_ollama: false\n  starter: false\n  store: {{url: '{real}'}}\n")
    kept = DashboardParams().judges
    with demonstration_settings() as settings:
        services = open_services(params, settings, lambda section: None)
        try:
            services.judges.start()
            assert make_up_votes(services) == BATTLES
            votes, people = services.store.votes(), services.store.people()
            assert services.params.store.url != real and services.params.judges != kept
            assert len(votes) == BATTLES and 5 < len(people) <= 12
            assert votes["voted_at"].is_monotonic_increasing and (votes["voted_at"] > votes["created_at"]).all()
            assert set(votes["choice"]) == {"a", "b", "tie", "both_bad"} and (votes["reasons"] != "").any()
            assert set(votes["style_a"]) == {"brief", "thorough"} and set(votes["lang"]) == {"en", "zh"}
            assert asyncio.run(_judge_line(services)).startswith("A demonstration: the votes in it are made up")
        finally:
            services.close()
        folder = Path(services.params.judges).parent
        assert folder.is_dir()
    assert not folder.exists() and list(tmp_path.iterdir()) == [params]


async def _judge_line(services: Services) -> str:
    return str(Shell(services).bar.judge)
