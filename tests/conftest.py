pytest_plugins = ["gongbi.testing.engine", "gongbi.testing.shop"]
