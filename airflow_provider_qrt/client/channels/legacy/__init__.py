"""Channels of services that IBM has retired: ibm_cloud, ibm_quantum, api_token. Internal."""
