"""Options that every kind of test may have."""


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=50, help="how often the torture test kills")
    parser.addoption("--losses", type=int, default=12, help="how often it takes the power away")
    parser.addoption("--seed", type=int, default=None, help="of the moments of torture")
    parser.addoption("--torture-log", default=None, help="a file that follows the torture")
