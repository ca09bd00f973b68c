import logging

import pytest
from mmengine.logging import MMLogger


@pytest.fixture
def logged():
    """What is logged during a test.

    Returns:
        list[logging.LogRecord]: The records, filled as the test goes on.
    """
    records = []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append(record)

    logger, handler = MMLogger.get_current_instance(), Keep()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


@pytest.fixture
def warned(logged):
    """Returns the warnings logged so far, as text."""
    return lambda: [
        record.getMessage() for record in logged if record.levelno >= logging.WARNING
    ]
