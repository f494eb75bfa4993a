"""The questions as a whole: found by listing their files, each with a sentence, none with a secret, none in need of events."""

import inspect
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from audit_nb import tables
from audit_nb.events import SCHEMA

QUESTIONS = tables.questions()
#: What a question must be told besides the events.
NEEDED = {"since": datetime(2026, 1, 1), "until": datetime(2026, 1, 2)}
SECRET = {"argv", "proctitle", "acct"}


def ask(question, events, **options):
    """The answer to a question, told what it must be told."""
    parameters = inspect.signature(question.function).parameters
    must = {name: NEEDED[name] for name, one in parameters.items() if name in NEEDED and one.default is one.empty}
    return question.function(events, **must, **options)


def choices(question):
    """Every combination of the two switches that a question has."""
    parameters = inspect.signature(question.function).parameters
    summaries = (False, True) if "summary" in parameters else (None,)
    aureports = (False, True) if "as_aureport" in parameters else (None,)
    for summary in summaries:
        for as_aureport in aureports:
            given = {"summary": summary, "as_aureport": as_aureport}
            yield {name: value for name, value in given.items() if value is not None}


def test_every_file_is_a_question_and_has_its_function():
    """A file that begins with an underscore is shared, every other one is named like its function."""
    files = {path.stem for path in Path(tables.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert set(QUESTIONS) == files
    assert all(question.function.__name__ == name for name, question in QUESTIONS.items())


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_a_sentence_that_asks(name):
    assert QUESTIONS[name].sentence.endswith("?")


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_about_nothing_is_answered_by_no_rows_and_no_secret_column(events_of, name):
    """Of an empty log: the first page alone has its rows, all of them 0."""
    empty = events_of({}).limit(0)
    for options in choices(QUESTIONS[name]):
        answer = ask(QUESTIONS[name], empty, **options)
        assert not SECRET & set(answer.columns)
        rows = answer.to_pyarrow().to_pylist()
        assert rows == [] if name != "summary" else {row["count"] for row in rows} == {0}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_where_every_field_is_unknown(events_of, name):
    """An event of which only its type is known, and lists that are null."""
    for options in choices(QUESTIONS[name]):
        ask(QUESTIONS[name], events_of({}, {"type": "USER_LOGIN"}), **options).to_pyarrow()


def test_a_question_is_reached_as_a_function_however_its_file_was_imported():
    from audit_nb.tables import files
    from audit_nb.tables.failed_logins import failed_logins

    assert files is tables.files
    assert callable(tables.files)
    assert tables.failed_logins is failed_logins
    with pytest.raises(AttributeError, match="no question 'filez'"):
        _ = tables.filez


def test_the_questions_are_imported_only_when_they_are_asked():
    """Ibis takes a good part of a second: neither the package nor the list of names loads it."""
    program = "import sys, audit_nb.tables as t; t.names(); print('ibis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_frames_of_these_tests_have_the_columns_of_real_events(events_of):
    assert events_of({}).columns == tuple(SCHEMA.names)
