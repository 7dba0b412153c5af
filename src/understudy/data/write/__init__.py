"""Writing LeRobot v3.0 datasets: what understudy records, LeRobot 0.4.4 reads."""
