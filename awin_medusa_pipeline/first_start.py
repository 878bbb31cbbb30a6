"""Asks for feed, shop and key: tests each answer, and keeps them in `.env`; for `awin-medusa init` and the console."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.environment import env_example, make_env_file, set_in_env_file
from awin_medusa_pipeline.health import (
    Findings,
    examine_address,
    examine_feed,
    examine_shop,
    faults_of,
    with_faults,
)
from awin_medusa_pipeline.settings import Settings, env_file, variables_of


@dataclass(frozen=True)
class Question:
    """A setting that is asked for, and how its answer is tested."""

    name: str
    """Field of Settings."""
    text: str
    look: Callable[[App], Findings]
    """Tests it, together with what was answered before."""
    part: str
    hidden: bool = False
    """Whether what is typed is not shown."""
    after: str = ""
    """The question whose answer this one is tested with."""

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return variables_of(self.name)[0]


QUESTIONS = (
    Question("awin_feed_url", "Address of the feed (AWIN: Toolbox > Create-a-Feed)", examine_feed, "Feed"),
    Question(
        "medusa_backend_url", "Address of the Medusa server, such as http://localhost:9000", examine_address, "Shop"
    ),
    Question(
        "medusa_admin_api_key",
        "Secret API key (Medusa Admin > Settings > Secret API Keys)",
        examine_shop,
        "Shop",
        hidden=True,
        after="medusa_backend_url",
    ),
)


def blank_questions() -> list[Question]:
    """The questions that environment and `.env` do not answer now."""
    settings = Settings()
    if settings.awin_medusa_shops:
        return []  # its file has the answers
    return [question for question in QUESTIONS if getattr(settings, question.name) is None]


def examine_answer(question: Question, answers: Mapping[str, str]) -> Findings:
    """Test the answer to a question, with the other `answers` by name and what is set already."""
    try:
        settings = Settings(**answers)  # type: ignore[arg-type]
    except ValidationError as error:
        yield from faults_of(error)
        return
    with App(settings) as app:
        yield from with_faults(question.part, lambda: question.look(app))


def keep_answers(answers: Mapping[str, str]) -> None:
    """Write answers to `.env`, those that are blank there: what is set already stays. Raises PermanentError."""
    file = env_file()
    values = {question.variable: answers[question.name] for question in blank_questions() if question.name in answers}
    try:
        make_env_file(file, env_example())
        set_in_env_file(file, values)
    except OSError as error:
        raise PermanentError(
            f"Writing {file}", error.strerror or "it cannot be written", "Let the user of this program write it."
        ) from None
