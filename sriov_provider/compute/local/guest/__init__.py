"""What runs inside an amphora, and what starts it: nothing but the standard library, so that it
starts within milliseconds and stays small."""
