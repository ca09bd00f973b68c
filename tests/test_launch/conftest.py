from tests.test_deployment.conftest import child, images  # noqa: F401
