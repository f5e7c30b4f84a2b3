"""All checks of `mm doctor`."""

from __future__ import annotations

from mm.cli.diagnosis import connections, environment, models, sandbox, storage
from mm.cli.diagnosis.captions import check_captions
from mm.cli.diagnosis.language import check_language
from mm.cli.diagnosis.larger_space import check_larger_space
from mm.cli.diagnosis.results import failed
from mm.cli.diagnosis.unread_text import check_unread_text
from mm.errors import InvalidInput
from mm.schemas import Check
from mm.settings import load_settings


def run_checks() -> list[Check]:
    """Run every check, in the order in which failures should be fixed."""
    try:
        settings = load_settings()
    except InvalidInput as error:
        return [
            environment.check_python(),
            environment.check_packages(),
            environment.check_decoder(),
            failed("settings", str(error)),
        ]
    return [
        environment.check_python(),
        environment.check_packages(),
        environment.check_decoder(settings.decoder),
        sandbox.check_sandbox(settings),
        environment.check_settings(settings),
        storage.check_home(settings),
        storage.check_library(settings),
        storage.check_disk(settings),
        models.check_graphs(settings),
        connections.check_port(settings),
        *sandbox.check_worker_sandbox(settings),
        models.check_space(settings),
        check_larger_space(settings),
        models.check_runtime(settings),
        models.check_speech(settings),
        connections.check_broker(settings),
        connections.check_database(settings),
        check_unread_text(settings),
        check_captions(settings),
        check_language(settings),
        environment.check_torch(),
    ]
