"""Events on a server of Kafka's protocol: topics, the relay from the journal, stream processors."""
