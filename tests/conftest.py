pytest_plugins = ["gongbi.testing.engine"]
