"""The door to the engines that run plans: DuckDB and Apache Spark."""
