"""What is looked at before the first step; stops on what would waste the run."""
