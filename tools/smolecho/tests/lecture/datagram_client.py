import socket
import sys

# Define the server address (host and port)
server_host = sys.argv[1]
server_port = 12345

# Create a UDP socket using IPv4
udp_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

# Nothing is guaranteed: an answer may never come
udp_socket.settimeout(10)

# Send a message to the server
message = "Hello, Server!"
udp_socket.sendto(message.encode(), (server_host, server_port))

# Receive the echoed message from the server
data, server_address = udp_socket.recvfrom(1024)
print(f"Received from server: {data.decode()}")
assert server_address == (server_host, server_port)

# Close the socket
udp_socket.close()
